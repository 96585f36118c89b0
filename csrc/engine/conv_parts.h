// The rows of a convolution, cut so that threads can share them.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/pack.h"

namespace sparseprune {

// Rows [first, first + rows) and their segments in the order they run.
struct Part {
  int64_t first, rows;
  std::vector<const Segment*> segments;
};

// Bounds of `parts` runs of rows (fewer if rows are few) that take about equally long. All but the
// last start at multiples of the widest block.
std::vector<int64_t> CutRows(const WeightMatrix& matrix, int64_t parts);

class Parts {
 public:
  Parts() = default;
  // `together`: one thread alone takes the parts through each tap range before the next one, as
  // if the rows were not cut.
  Parts(const WeightMatrix& matrix, const std::vector<int64_t>& offsets,
        const std::vector<TapRange>& ranges, const std::vector<int64_t>& cuts,
        const Blocking& blocking, bool together);

  const Part& whole() const { return whole_; }
  const std::vector<Part>& parts() const { return parts_; }

 private:
  std::vector<std::vector<Segment>> packed_;
  std::vector<Part> parts_;
  Part whole_;
};

}  // namespace sparseprune
