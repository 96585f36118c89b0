#include "engine/patterns.h"

#include <algorithm>

namespace sparseprune {
namespace {

constexpr int kRows = 8;

}  // namespace

int64_t ReadPatterns(const WeightMatrix& matrix, const RowSpan& rows, int64_t begin, int64_t end,
                     std::vector<uint32_t>& patterns) {
  const int64_t past = std::min(rows.first + rows.count, rows.last);
  const int64_t low = std::max(begin, matrix.first_tap(rows.first));
  const int64_t high = std::min(end, matrix.first_tap(past - 1) + matrix.taps);
  patterns.assign(static_cast<size_t>(std::max<int64_t>(high - low, 0)), 0);
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
  std::vector<uint32_t> patterns;
  for (int64_t row = 0; row < matrix.rows; row += kRows) {
    ReadPatterns(matrix, {row, kRows, matrix.rows}, 0, matrix.all_taps(), patterns);
    for (uint32_t pattern : patterns) ++counts[pattern];
  }
  return counts;
}

int64_t CountKept(const WeightMatrix& matrix) {
  return std::count_if(matrix.values.begin(), matrix.values.end(), [](float w) { return w != 0; });
}

}  // namespace sparseprune
