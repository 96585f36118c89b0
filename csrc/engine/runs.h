// Runs of a plain map's floats beside the lanes that hold them: what the transposing kernels need.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/layout.h"
#include "kernels/table.h"

namespace sparseprune {

struct RunTable {
  LaneRuns shape{};  // what does not depend on where the table lies, or on a pass
  int64_t image_floats = 0;
  std::vector<int64_t> lane_floats;  // one image: of each lane; images in lanes: empty
  std::vector<int32_t> to, masks;
  std::vector<uint32_t> valid, row_lanes;

  LaneRuns View() const;
};

// `tiled` with `reach` of its halo, which is no wider, against the plain map of one image.
RunTable RunsOfMap(const Layout& plain, const Layout& tiled, const Halo& reach);
// Images in lanes against plain images. Rows of a vector's layout are groups of images, and the
// table is that of the first.
RunTable RunsOfImages(const Layout& plain, const Layout& tiled, const Halo& reach);

}  // namespace sparseprune
