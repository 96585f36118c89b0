// Weights in the order the kernels stream them: only the kept ones, 6 bytes each.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"

namespace sparseprune {

// A weight matrix: one row per output channel, one tap per weight of a row.
struct WeightMatrix {
  std::vector<float> values;
  int64_t rows, taps;
  float at(int64_t row, int64_t tap) const { return values[row * taps + tap]; }
};

// Taps [begin, end) whose inputs lie at most 65535 units after `base`.
struct TapRange {
  int64_t begin, end, base;
};

// Groups of `block_rows` rows over one tap range. Every tap of a group is kept by all its rows, so
// a structural zero is never multiplied; what does not fill a block goes to single rows.
struct Segment {
  int block_rows;
  int64_t base;
  std::vector<uint16_t> offsets;
  std::vector<float> weights;
  std::vector<int32_t> counts;
  std::vector<uint32_t> rows;

  PackedRows View(const float* bias) const;
};

// Consecutive ranges of at most `most_taps` taps that 16-bit offsets can reach.
std::vector<TapRange> SplitTaps(const std::vector<int64_t>& offsets, int64_t most_taps);

// How many weights lie in full blocks of `block_rows` rows that start at multiples of it; with
// `pad_rows`, rows past the last count as kept.
int64_t CountBlocked(const WeightMatrix& matrix, int block_rows, bool pad_rows);
int64_t CountKept(const WeightMatrix& matrix);

// The largest of `choices` (descending) whose full blocks hold most of the kept weights, else 1.
int ChooseBlockRows(const WeightMatrix& matrix, const std::vector<int>& choices);

// Rows [first, last), run in the order returned. Every row starts from its bias once and finishes
// once. `first` is a multiple of block_rows; with `pad_rows`, rows past the last count as kept.
std::vector<Segment> Pack(const WeightMatrix& matrix, const std::vector<int64_t>& offsets,
                          const std::vector<TapRange>& ranges, int64_t first, int64_t last,
                          int block_rows, bool pad_rows);

}  // namespace sparseprune
