#include "engine/patterns.h"

#include <algorithm>

namespace sparseprune {
namespace {

constexpr int kRows = 8;

template <typename Visit>
void ForEachSpan(const WeightMatrix& matrix, int rows, bool pad, const Visit& visit) {
  std::vector<uint32_t> patterns;
  for (int64_t row = 0; row < matrix.rows; row += rows) {
    ReadPatterns(matrix, {row, rows, matrix.rows, pad}, 0, matrix.all_taps(), patterns);
    for (uint32_t pattern : patterns) visit(pattern, std::min<int64_t>(rows, matrix.rows - row));
  }
}

}  // namespace

int64_t ReadPatterns(const WeightMatrix& matrix, const RowSpan& rows, int64_t begin, int64_t end,
                     std::vector<uint32_t>& patterns) {
  const int64_t past = std::min(rows.first + rows.count, rows.last);
  const int64_t low = std::max(begin, matrix.first_tap(rows.first));
  const int64_t high = std::min(end, matrix.first_tap(past - 1) + matrix.taps);
  uint32_t padding = 0;
  for (int64_t row = past; rows.pad && row < rows.first + rows.count; ++row)
    padding |= uint32_t{1} << (row - rows.first);
  patterns.assign(static_cast<size_t>(std::max<int64_t>(high - low, 0)), padding);
  for (int64_t row = rows.first; row < past; ++row) {
    const int64_t seen = matrix.first_tap(row), from = std::max(low, seen),
                  count = std::min(high, seen + matrix.taps) - from;
    const float* weight = matrix.row(row) + (from - seen);
    uint32_t* pattern = patterns.data() + (from - low);
    const int bit = static_cast<int>(row - rows.first);
    for (int64_t i = 0; i < count; ++i) pattern[i] |= static_cast<uint32_t>(weight[i] != 0) << bit;
  }
  return low;
}

PatternCounts CountPatterns(const WeightMatrix& matrix) {
  PatternCounts counts{};
  ForEachSpan(matrix, kRows, false, [&](uint32_t pattern, int64_t) { ++counts[pattern]; });
  return counts;
}

int64_t CountBlocked(const WeightMatrix& matrix, int block_rows, bool pad_rows) {
  const uint32_t full = static_cast<uint32_t>((uint64_t{1} << block_rows) - 1);
  int64_t count = 0;
  ForEachSpan(matrix, block_rows, pad_rows,
              [&](uint32_t pattern, int64_t rows) { count += pattern == full ? rows : 0; });
  return count;
}

int64_t CountKept(const WeightMatrix& matrix) {
  return std::count_if(matrix.values.begin(), matrix.values.end(), [](float w) { return w != 0; });
}

}  // namespace sparseprune
