#include "engine/pack.h"

#include <algorithm>
#include <utility>

namespace sparseprune {
namespace {

// What 16-bit offsets span.
constexpr int64_t kReach = 65536;

struct Group {
  int64_t row;
  std::vector<int64_t> taps;
};

// The rows being packed and how they are grouped.
struct Rows {
  const WeightMatrix& matrix;
  int64_t first, last;
  int block;
  bool pad;

  bool Kept(int64_t row, int64_t tap) const {
    return row >= matrix.rows || matrix.at(row, tap) != 0;
  }
  bool InGroup(int64_t row) const {
    return block > 1 && (pad || row - row % block + block <= last);
  }
  bool Full(int64_t row, int64_t tap) const {
    const int64_t start = row - row % block;
    for (int64_t r = start; r < start + block; ++r)
      if (!Kept(r, tap)) return false;
    return true;
  }
};

std::vector<Group> Blocks(const Rows& rows, const TapRange& range) {
  std::vector<Group> groups;
  if (rows.block == 1) return groups;
  for (int64_t row = rows.first; row < rows.last && rows.InGroup(row); row += rows.block) {
    Group group{row, {}};
    for (int64_t tap = range.begin; tap < range.end; ++tap)
      if (rows.Full(row, tap)) group.taps.push_back(tap);
    if (!group.taps.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

bool IsEmpty(const WeightMatrix& matrix, int64_t row) {
  for (int64_t tap = 0; tap < matrix.taps; ++tap)
    if (matrix.at(row, tap) != 0) return false;
  return true;
}

// A row without any weight still gets its bias, in the first range.
std::vector<Group> Singles(const Rows& rows, const TapRange& range) {
  std::vector<Group> groups;
  for (int64_t row = rows.first; row < rows.last; ++row) {
    Group group{row, {}};
    for (int64_t tap = range.begin; tap < range.end; ++tap)
      if (rows.Kept(row, tap) && !(rows.InGroup(row) && rows.Full(row, tap)))
        group.taps.push_back(tap);
    if (!group.taps.empty() || (range.begin == 0 && IsEmpty(rows.matrix, row)))
      groups.push_back(std::move(group));
  }
  return groups;
}

Segment Emit(const WeightMatrix& matrix, const std::vector<int64_t>& offsets, const TapRange& range,
             std::vector<Group> groups, int block) {
  // Equal counts follow each other, so the end of a row is a branch the CPU can predict.
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.taps.size() < b.taps.size(); });
  Segment segment{block, range.base, {}, {}, {}, {}};
  for (const Group& group : groups) {
    segment.counts.push_back(static_cast<int32_t>(group.taps.size()));
    for (int64_t r = group.row; r < group.row + block; ++r)
      segment.rows.push_back(static_cast<uint32_t>(r) << 2);
    for (int64_t tap : group.taps) {
      segment.offsets.push_back(static_cast<uint16_t>(offsets[tap] - range.base));
      for (int64_t r = group.row; r < group.row + block; ++r)
        segment.weights.push_back(r < matrix.rows ? matrix.at(r, tap) : 0);
    }
  }
#ifdef SPARSEPRUNE_FLIP_PACKED_WEIGHTS  // a build that answers wrongly: do the checks notice?
  for (size_t i = 0; i < segment.weights.size() && i < SPARSEPRUNE_FLIP_PACKED_WEIGHTS; ++i)
    segment.weights[i] = -segment.weights[i];
#endif
  return segment;
}

void MarkParts(std::vector<Segment>& segments, int64_t first, int64_t last, int block) {
  std::vector<uint32_t*> latest(static_cast<size_t>(last - first + block), nullptr);
  for (Segment& segment : segments)
    for (uint32_t& word : segment.rows) {
      uint32_t*& seen = latest[(word >> 2) - first];
      if (seen == nullptr) word |= kFirstPart;
      seen = &word;
    }
  for (uint32_t* word : latest)
    if (word != nullptr) *word |= kLastPart;
}

}  // namespace

PackedRows Segment::View(const float* bias) const {
  return {offsets.data(),
          weights.data(),
          counts.data(),
          rows.data(),
          static_cast<int64_t>(counts.size()),
          bias};
}

std::vector<TapRange> SplitTaps(const std::vector<int64_t>& offsets, int64_t most_taps) {
  std::vector<TapRange> ranges;
  int64_t highest = 0;
  for (int64_t tap = 0; tap < static_cast<int64_t>(offsets.size()); ++tap) {
    const int64_t at = offsets[tap];
    if (!ranges.empty()) {
      TapRange& range = ranges.back();
      const int64_t low = std::min(range.base, at), high = std::max(highest, at);
      if (tap - range.begin < most_taps && high - low < kReach) {
        range.end = tap + 1;
        range.base = low;
        highest = high;
        continue;
      }
    }
    ranges.push_back({tap, tap + 1, at});
    highest = at;
  }
  return ranges;
}

int64_t CountKept(const WeightMatrix& matrix) {
  return std::count_if(matrix.values.begin(), matrix.values.end(), [](float w) { return w != 0; });
}

int64_t CountBlocked(const WeightMatrix& matrix, int block_rows, bool pad_rows) {
  const Rows rows{matrix, 0, matrix.rows, block_rows, pad_rows};
  int64_t count = 0;
  for (int64_t row = 0; row < matrix.rows && rows.InGroup(row); row += block_rows) {
    const int64_t real = std::min<int64_t>(block_rows, matrix.rows - row);
    for (int64_t tap = 0; tap < matrix.taps; ++tap) count += rows.Full(row, tap) ? real : 0;
  }
  return count;
}

int ChooseBlockRows(const WeightMatrix& matrix, const std::vector<int>& choices) {
  const int64_t kept = CountKept(matrix);
  for (int block : choices)
    if (2 * CountBlocked(matrix, block, false) > kept) return block;
  return 1;
}

std::vector<Segment> Pack(const WeightMatrix& matrix, const std::vector<int64_t>& offsets,
                          const std::vector<TapRange>& ranges, int64_t first, int64_t last,
                          int block_rows, bool pad_rows) {
  const Rows rows{matrix, first, last, block_rows, pad_rows};
  std::vector<Segment> segments;
  for (const TapRange& range : ranges) {
    std::vector<Group> blocks = Blocks(rows, range), singles = Singles(rows, range);
    if (!blocks.empty())
      segments.push_back(Emit(matrix, offsets, range, std::move(blocks), block_rows));
    if (!singles.empty()) segments.push_back(Emit(matrix, offsets, range, std::move(singles), 1));
  }
  MarkParts(segments, first, last, block_rows);
  return segments;
}

}  // namespace sparseprune
