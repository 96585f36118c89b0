#include "engine/row_blocks.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace sparseprune {

RowBlocks::RowBlocks(const WeightMatrix& matrix, int block_rows) : block_rows_(block_rows) {
  std::vector<uint8_t> kept(static_cast<size_t>(matrix.taps));
  for (int64_t first = 0; first < matrix.rows; first += block_rows) {
    std::fill(kept.begin(), kept.end(), uint8_t{0});
    for (int64_t row = first; row < std::min(first + block_rows, matrix.rows); ++row) {
      const float* weights = &matrix.values[row * matrix.taps];
      for (int64_t tap = 0; tap < matrix.taps; ++tap) kept[tap] |= uint8_t{weights[tap] != 0};
    }
    for (int64_t tap = 0; tap < matrix.taps; ++tap)
      if (kept[tap]) columns_.push_back(static_cast<int32_t>(tap));
    starts_.push_back(static_cast<int64_t>(columns_.size()));
  }
}

std::vector<int64_t> RowBlocks::ByLength() const {
  std::vector<int64_t> blocks(static_cast<size_t>(count()));
  std::iota(blocks.begin(), blocks.end(), 0);
  std::stable_sort(blocks.begin(), blocks.end(), [&](int64_t a, int64_t b) {
    return starts_[a + 1] - starts_[a] < starts_[b + 1] - starts_[b];
  });
  return blocks;
}

WindowWalk::WindowWalk(const RowBlocks& rows, const int64_t* blocks, int64_t lanes, int64_t columns,
                       const KernelTable& kernels)
    : lanes_(kernels.lanes),
      window_(kernels.window),
      last_(std::max<int64_t>(columns - kernels.window, 0)) {
  for (int64_t lane = 0; lane < lanes; ++lane) {
    next_.push_back(rows.begin(blocks[lane]));
    end_.push_back(rows.end(blocks[lane]));
  }
}

bool WindowWalk::Next(WindowStep& step) {
  constexpr int32_t kNone = std::numeric_limits<int32_t>::max();
  int32_t lowest = kNone;
  for (size_t lane = 0; lane < next_.size(); ++lane)
    if (next_[lane] != end_[lane]) lowest = std::min(lowest, *next_[lane]);
  if (lowest == kNone) return false;
  // Whole vectors where the inputs have them: a load across cache lines takes twice as long.
  step.first = std::min<int64_t>(lowest / lanes_ * lanes_, last_);
  step.columns.assign(static_cast<size_t>(kWindowSlots * lanes_), -1);
  for (int slot = 0; slot < kWindowSlots; ++slot)
    for (size_t lane = 0; lane < next_.size(); ++lane)
      if (next_[lane] != end_[lane] && *next_[lane] < step.first + window_)
        step.columns[slot * lanes_ + lane] = *next_[lane]++;
  return true;
}

}  // namespace sparseprune
