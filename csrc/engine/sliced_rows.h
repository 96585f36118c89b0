// Rows of a matrix in lanes, for a few vectors at a time.
//
// The weights stream by once, so what counts is how many vectors of them there are. In sliced
// ELLPACK a slice is as long as its longest row; rows of like length share a slice. Each slot of a
// slice finds its inputs in a window. The window moves on when the row that is furthest behind
// asks for it, so that a row ahead of the others in one place may fall behind in another: at 90 %
// sparsity this leaves a quarter of the places empty, where windows that tile the columns leave 40
// %.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/pack.h"
#include "kernels/table.h"

namespace sparseprune {

// Consecutive slices, and where their steps start.
struct SliceRange {
  int64_t first, count, step;
};

class Slices {
 public:
  // In the format with the fewest expected cycles. `matrix` has less than 2^31 rows and taps.
  Slices(const WeightMatrix& matrix, const std::vector<float>& bias, const KernelTable& kernels);

  SliceFormat format() const { return format_; }
  // As many ranges as asked for, or as there are slices, of about equal numbers of steps.
  std::vector<SliceRange> Cut(int64_t ranges) const;
  PackedSlices View(const SliceRange& range) const;

 private:
  void AddPanels(const WeightMatrix& matrix);
  void AddWindows(const WeightMatrix& matrix, const KernelTable& kernels);
  void AddRow(const WeightMatrix& matrix, int64_t row);
  void AddSlot(const WeightMatrix& matrix, const int32_t* columns);
  void AddBias(const std::vector<float>& bias);

  const SliceFormat format_;
  const int lanes_;
  std::vector<int32_t> steps_, first_, rows_;
  std::vector<uint8_t> index_;
  std::vector<uint16_t> kept_;
  std::vector<float> weights_, bias_;
};

}  // namespace sparseprune
