// Which rows of a block keep a tap, as bits.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/pack.h"

namespace sparseprune {

// `count` rows from `first` on; those from `last` on keep nothing.
struct RowSpan {
  int64_t first;
  int count;
  int64_t last;
};

// Per tap of [begin, end) that any of the rows sees, one bit for each row that keeps it. Returns
// the tap of the first pattern.
int64_t ReadPatterns(const WeightMatrix& matrix, const RowSpan& rows, int64_t begin, int64_t end,
                     std::vector<uint32_t>& patterns);

// How often each pattern of eight rows occurs.
using PatternCounts = std::array<int64_t, 256>;
PatternCounts CountPatterns(const WeightMatrix& matrix);

}  // namespace sparseprune
