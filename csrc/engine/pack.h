// Weights in the order the kernels stream them: only the kept ones, 6 bytes each.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"

namespace sparseprune {

// One row per output channel. Taps are the weights a row could have: `taps` for each group of
// input channels, of which a row sees one group. `values` holds rows x taps.
struct WeightMatrix {
  std::vector<float> values;
  int64_t rows, taps;
  int64_t groups = 1;

  int64_t all_taps() const { return groups * taps; }
  // The first tap a row sees, counted over all groups.
  int64_t first_tap(int64_t row) const { return row / (rows / groups) * taps; }
  const float* row(int64_t row) const { return values.data() + row * taps; }
};

// Taps [begin, end) whose inputs lie at most 65535 units after `base`.
struct TapRange {
  int64_t begin, end, base;
};

// Groups of `block_rows` rows over one tap range. Every tap of a group is kept by all its rows, so
// a structural zero is never multiplied.
struct Segment {
  int block_rows;
  int64_t base;
  size_t range;  // which tap range
  std::vector<uint16_t> offsets;
  std::vector<float> weights;
  std::vector<int32_t> counts;
  std::vector<uint32_t> rows;

  PackedRows View(const float* bias) const;
};

// How rows are joined: `widths` descend, each divides the one before, and blocks of a width start
// at multiples of it. What fills no block goes to single rows.
struct Blocking {
  std::vector<int> widths;

  int widest() const { return widths.empty() ? 1 : widths.front(); }
};

// Consecutive ranges of at most `most_taps` taps that 16-bit offsets can reach.
std::vector<TapRange> SplitTaps(const std::vector<int64_t>& offsets, int64_t most_taps);

int64_t CountKept(const WeightMatrix& matrix);

// Rows [first, last), run in the order returned. Every row starts from its bias once and finishes
// once. `first` is a multiple of the widest block.
std::vector<Segment> Pack(const WeightMatrix& matrix, const std::vector<int64_t>& offsets,
                          const std::vector<TapRange>& ranges, int64_t first, int64_t last,
                          const Blocking& blocking);

}  // namespace sparseprune
