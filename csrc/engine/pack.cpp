#include "engine/pack.h"

#include <algorithm>
#include <utility>

#include "engine/patterns.h"

namespace sparseprune {
namespace {

// What 16-bit offsets span.
constexpr int64_t kReach = 65536;

// Taps [begin, end) of a list belong to `row` and the rows of its block.
struct Group {
  int64_t row, begin, end;
};

// The groups of one width over one tap range.
struct Groups {
  int width;
  std::vector<Group> groups;
  std::vector<int64_t> taps;

  // Those taps of `patterns` that the block at `shift` keeps whole, which are then done with.
  void Take(std::vector<uint32_t>& patterns, int shift, int64_t row, int64_t first_tap) {
    const uint32_t block = ((uint32_t{1} << width) - 1) << shift;
    const int64_t begin = static_cast<int64_t>(taps.size());
    for (size_t i = 0; i < patterns.size(); ++i)
      if ((patterns[i] & block) == block) {
        taps.push_back(first_tap + static_cast<int64_t>(i));
        patterns[i] &= ~block;
      }
    const int64_t end = static_cast<int64_t>(taps.size());
    if (end > begin) groups.push_back({row, begin, end});
  }
};

class Packer {
 public:
  Packer(const WeightMatrix& matrix, const std::vector<int64_t>& offsets, int64_t first,
         int64_t last)
      : matrix_(matrix), offsets_(offsets), first_(first), last_(last) {}

  void AddRange(const TapRange& range, const Blocking& blocking) {
    std::vector<Groups> made;
    for (int width : blocking.widths) made.push_back({width, {}, {}});
    if (made.empty() || made.back().width != 1) made.push_back({1, {}, {}});
    const int widest = blocking.widest();
    std::vector<uint32_t> patterns;
    for (int64_t row = first_; row < last_; row += widest) {
      const RowSpan rows{row, widest, last_};
      const int64_t first_tap = ReadPatterns(matrix_, rows, range.begin, range.end, patterns);
      for (Groups& groups : made)
        for (int shift = 0; shift < widest; shift += groups.width)
          if (row + shift < last_) groups.Take(patterns, shift, row + shift, first_tap);
    }
    for (Groups& groups : made)
      if (!groups.groups.empty()) Emit(groups, range.base);
    ++ranges_;
  }

  // A row without any weight still gets its bias.
  std::vector<Segment> Finish() {
    std::vector<uint32_t*> latest = MarkStarts();
    Groups empty{1, {}, {}};
    for (int64_t row = first_; row < last_; ++row)
      if (latest[row - first_] == nullptr) empty.groups.push_back({row, 0, 0});
    for (uint32_t* word : latest)
      if (word != nullptr) *word |= kLastPart;
    if (!empty.groups.empty()) {
      Emit(empty, 0);
      for (uint32_t& word : segments_.back().rows) word |= kFirstPart | kLastPart;
    }
    return std::move(segments_);
  }

 private:
  void Emit(Groups& groups, int64_t base) {
    // Equal counts follow each other, so the end of a row is a branch the CPU can predict.
    std::stable_sort(
        groups.groups.begin(), groups.groups.end(),
        [](const Group& a, const Group& b) { return a.end - a.begin < b.end - b.begin; });
    Segment segment{groups.width, base, ranges_, {}, {}, {}, {}};
    segment.offsets.reserve(groups.taps.size());
    segment.weights.reserve(groups.taps.size() * groups.width);
    for (const Group& group : groups.groups) {
      segment.counts.push_back(static_cast<int32_t>(group.end - group.begin));
      for (int64_t r = group.row; r < group.row + groups.width; ++r)
        segment.rows.push_back(static_cast<uint32_t>(r) << 2);
      for (int64_t i = group.begin; i < group.end; ++i) Append(segment, group.row, groups.taps[i]);
    }
#ifdef SPARSEPRUNE_FLIP_PACKED_WEIGHTS  // a build that answers wrongly: do the checks notice?
    for (size_t i = 0; i < segment.weights.size() && i < SPARSEPRUNE_FLIP_PACKED_WEIGHTS; ++i)
      segment.weights[i] = -segment.weights[i];
#endif
    segments_.push_back(std::move(segment));
  }

  void Append(Segment& segment, int64_t row, int64_t tap) const {
    segment.offsets.push_back(static_cast<uint16_t>(offsets_[tap] - segment.base));
    for (int64_t r = row; r < row + segment.block_rows; ++r)
      segment.weights.push_back(matrix_.row(r)[tap - matrix_.first_tap(r)]);
  }

  // Returns the last word of each row.
  std::vector<uint32_t*> MarkStarts() {
    int64_t widest = 1;
    for (const Segment& segment : segments_) widest = std::max<int64_t>(widest, segment.block_rows);
    std::vector<uint32_t*> latest(static_cast<size_t>(last_ - first_ + widest), nullptr);
    for (Segment& segment : segments_)
      for (uint32_t& word : segment.rows) {
        uint32_t*& seen = latest[(word >> 2) - first_];
        if (seen == nullptr) word |= kFirstPart;
        seen = &word;
      }
    return latest;
  }

  const WeightMatrix& matrix_;
  const std::vector<int64_t>& offsets_;
  const int64_t first_, last_;
  size_t ranges_ = 0;
  std::vector<Segment> segments_;
};

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

std::vector<Segment> Pack(const WeightMatrix& matrix, const std::vector<int64_t>& offsets,
                          const std::vector<TapRange>& ranges, int64_t first, int64_t last,
                          const Blocking& blocking) {
  Packer packer(matrix, offsets, first, last);
  for (const TapRange& range : ranges) packer.AddRange(range, blocking);
  return packer.Finish();
}

}  // namespace sparseprune
