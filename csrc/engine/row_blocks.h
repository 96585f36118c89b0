// The columns that blocks of consecutive rows keep.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/pack.h"

namespace sparseprune {

class RowBlocks {
 public:
  RowBlocks(const WeightMatrix& matrix, int block_rows);

  int block_rows() const { return block_rows_; }
  int64_t count() const { return static_cast<int64_t>(starts_.size()) - 1; }
  // The columns that any row of `block` keeps, ascending.
  const int32_t* begin(int64_t block) const { return columns_.data() + starts_[block]; }
  const int32_t* end(int64_t block) const { return columns_.data() + starts_[block + 1]; }
  int64_t kept() const { return starts_.back(); }

  // All blocks, those with few columns first.
  std::vector<int64_t> ByLength() const;

 private:
  int block_rows_;
  std::vector<int64_t> starts_{0};
  std::vector<int32_t> columns_;
};

// One step of a slice: a window, and per slot and lane the column taken there, or -1.
struct WindowStep {
  int64_t first;
  std::vector<int32_t> columns;
};

// How the rows of a slice move through their columns (sliced_rows.h).
class WindowWalk {
 public:
  // `blocks`: one for each lane that has one.
  WindowWalk(const RowBlocks& rows, const int64_t* blocks, int64_t lanes, int64_t columns,
             const KernelTable& kernels);
  // False at the end.
  bool Next(WindowStep& step);

 private:
  const int lanes_;
  const int64_t window_, last_;
  std::vector<const int32_t*> next_, end_;
};

}  // namespace sparseprune
