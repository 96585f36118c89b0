#include "engine/sliced_rows.h"

#include <algorithm>
#include <limits>

#include "engine/arithmetic.h"
#include "engine/row_blocks.h"

namespace sparseprune {
namespace {

// Cycles, measured with weights in L2 and L3: a weight of a row alone, a vector of weights
// streaming by, and a vector of inputs being looked up, which four lanes do one by one.
struct Costs {
  double row, vector, lookup;
};
Costs CostsOf(const KernelTable& kernels) {
  if (kernels.lanes == 16) return {1.2, 3, 2};
  return kernels.lanes == 8 ? Costs{1.2, 2, 3.5} : Costs{1.2, 2.2, 4};
}

double WindowCycles(const WeightMatrix& matrix, int height, const KernelTable& kernels) {
  const RowBlocks rows(matrix, height);
  const std::vector<int64_t> order = rows.ByLength();
  int64_t steps = 0;
  WindowStep step;
  for (int64_t i = 0; i < rows.count(); i += kernels.lanes) {
    WindowWalk walk(rows, &order[i], std::min<int64_t>(kernels.lanes, rows.count() - i),
                    matrix.taps, kernels);
    while (walk.Next(step)) ++steps;
  }
  const Costs costs = CostsOf(kernels);
  return static_cast<double>(steps * kWindowSlots) * (height * costs.vector + costs.lookup);
}

double CyclesOf(const SliceFormat& format, const WeightMatrix& matrix, const KernelTable& kernels) {
  if (format.kind == SliceKind::kRows)
    return static_cast<double>(CountKept(matrix)) * CostsOf(kernels).row;
  if (format.kind == SliceKind::kWindows) return WindowCycles(matrix, format.height, kernels);
  const RowBlocks panels(matrix, format.height * kernels.lanes);
  return static_cast<double>(panels.kept() * format.height) * CostsOf(kernels).vector;
}

// Among equals the first: more rows share what is read of the inputs.
SliceFormat ChooseFormat(const WeightMatrix& matrix, const KernelTable& kernels) {
  constexpr SliceFormat kFormats[] = {{SliceKind::kPanels, 2},  {SliceKind::kPanels, 1},
                                      {SliceKind::kWindows, 4}, {SliceKind::kWindows, 2},
                                      {SliceKind::kWindows, 1}, {SliceKind::kRows, 1}};
  SliceFormat best = kFormats[0];
  double fewest = std::numeric_limits<double>::infinity();
  for (const SliceFormat& format : kFormats) {
    const double cycles = CyclesOf(format, matrix, kernels);
    if (cycles >= fewest) continue;
    best = format;
    fewest = cycles;
  }
  return best;
}

}  // namespace

Slices::Slices(const WeightMatrix& matrix, const std::vector<float>& bias,
               const KernelTable& kernels)
    : format_(ChooseFormat(matrix, kernels)),
      lanes_(format_.kind == SliceKind::kRows ? 1 : kernels.lanes) {
  if (format_.kind == SliceKind::kWindows)
    AddWindows(matrix, kernels);
  else
    AddPanels(matrix);
  AddBias(bias);
#ifdef SPARSEPRUNE_FLIP_PACKED_WEIGHTS  // a build that answers wrongly: do the checks notice?
  for (size_t i = 0; i < weights_.size() && i < SPARSEPRUNE_FLIP_PACKED_WEIGHTS; ++i)
    weights_[i] = -weights_[i];
#endif
}

// Rows alone are panels of one lane.
void Slices::AddPanels(const WeightMatrix& matrix) {
  const int64_t height = format_.height * lanes_;
  const RowBlocks panels(matrix, static_cast<int>(height));
  std::vector<int32_t> columns(static_cast<size_t>(lanes_));
  for (int64_t panel = 0; panel < panels.count(); ++panel) {
    for (int64_t i = 0; i < height; ++i) AddRow(matrix, panel * height + i);
    steps_.push_back(static_cast<int32_t>(panels.end(panel) - panels.begin(panel)));
    for (const int32_t* column = panels.begin(panel); column < panels.end(panel); ++column) {
      first_.push_back(*column);
      std::fill(columns.begin(), columns.end(), *column);
      AddSlot(matrix, columns.data());
    }
  }
}

void Slices::AddWindows(const WeightMatrix& matrix, const KernelTable& kernels) {
  const int height = format_.height;
  const RowBlocks blocks(matrix, height);
  const std::vector<int64_t> order = blocks.ByLength();
  WindowStep step;
  for (int64_t i = 0; i < blocks.count(); i += lanes_) {
    const int64_t lanes = std::min<int64_t>(lanes_, blocks.count() - i);
    for (int r = 0; r < height; ++r)
      for (int64_t lane = 0; lane < lanes_; ++lane)
        AddRow(matrix, lane < lanes ? order[i + lane] * height + r : matrix.rows);
    WindowWalk walk(blocks, &order[i], lanes, matrix.taps, kernels);
    for (steps_.push_back(0); walk.Next(step); ++steps_.back()) {
      first_.push_back(static_cast<int32_t>(step.first));
      for (int32_t column : step.columns)
        index_.push_back(static_cast<uint8_t>(column < 0 ? 0 : column - step.first));
      for (int slot = 0; slot < kWindowSlots; ++slot) AddSlot(matrix, &step.columns[slot * lanes_]);
    }
  }
}

void Slices::AddRow(const WeightMatrix& matrix, int64_t row) {
  rows_.push_back(static_cast<int32_t>(std::min(row, matrix.rows)));
}

// One column for each lane of the slice added last, or -1.
void Slices::AddSlot(const WeightMatrix& matrix, const int32_t* columns) {
  const int32_t* row = rows_.data() + rows_.size() - format_.height * lanes_;
  for (int r = 0; r < format_.height; ++r) {
    unsigned kept = 0;
    for (int lane = 0; lane < lanes_; ++lane, ++row) {
      const bool inside = columns[lane] >= 0 && *row < matrix.rows;
      const float w = inside ? matrix.values[*row * matrix.taps + columns[lane]] : 0;
      weights_.push_back(w);
      kept |= (w != 0 ? 1u : 0u) << lane;
    }
    kept_.push_back(static_cast<uint16_t>(kept));
  }
}

void Slices::AddBias(const std::vector<float>& bias) {
  const int32_t rows = static_cast<int32_t>(bias.size());
  for (int32_t row : rows_) bias_.push_back(row < rows ? bias[row] : 0);
}

std::vector<SliceRange> Slices::Cut(int64_t ranges) const {
  const int64_t slices = static_cast<int64_t>(steps_.size());
  const int64_t steps = static_cast<int64_t>(first_.size());
  std::vector<SliceRange> cut;
  SliceRange range{0, 0, 0};
  for (int64_t step = 0; range.first + range.count < slices;) {
    step += steps_[range.first + range.count++];
    const int64_t next = static_cast<int64_t>(cut.size()) + 1;
    if (step * ranges < next * steps && range.first + range.count < slices) continue;
    cut.push_back(range);
    range = {range.first + range.count, 0, step};
  }
  return cut;
}

PackedSlices Slices::View(const SliceRange& range) const {
  const bool windows = format_.kind == SliceKind::kWindows;
  const int64_t slot = range.step * (windows ? kWindowSlots : 1);
  const int64_t vector = slot * format_.height, row = range.first * format_.height * lanes_;
  return {steps_.data() + range.first,
          first_.data() + range.step,
          windows ? index_.data() + slot * lanes_ : nullptr,
          weights_.data() + vector * lanes_,
          kept_.data() + vector,
          rows_.data() + row,
          bias_.data() + row,
          range.count};
}

}  // namespace sparseprune
