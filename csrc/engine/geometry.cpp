#include "engine/geometry.h"

#include <algorithm>
#include <limits>

namespace sparseprune {
namespace {

// How far the last output of a tile reads past the tile.
int64_t Overhang(const Window& w, int axis, int64_t output_tile, int64_t input_tile) {
  const int64_t read = (output_tile - 1) * w.stride[axis] + w.Reach(axis);
  return std::max<int64_t>(0, read - w.pad_begin[axis] - input_tile);
}

}  // namespace

Layout Extents(const Shape& shape, const Mode& mode) {
  Layout layout;
  layout.channels = shape[1];
  layout.height = shape.size() == 4 ? shape[2] : mode.images_in_lanes ? mode.groups : 1;
  layout.width = shape.size() == 4 ? shape[3] : 1;
  return layout;
}

Want WantedInput(const Step& step, const Layout& input, const Layout& output, bool non_negative) {
  const Window& w = step.node->window;
  Want want{input, 0};
  Layout& layout = want.layout;
  layout.flat = false;
  layout.lanes = output.lanes;
  layout.grid = output.grid;
  layout.tile_h = output.LanesAreImages() ? input.height : output.tile_h * w.stride[0];
  layout.tile_w = output.LanesAreImages() ? input.width : output.tile_w * w.stride[1];
  layout.halo = {w.pad_begin[0], w.pad_begin[1], Overhang(w, 0, output.tile_h, layout.tile_h),
                 Overhang(w, 1, output.tile_w, layout.tile_w)};
  const bool padded = w.pad_begin[0] || w.pad_begin[1] || w.pad_end[0] || w.pad_end[1];
  if (step.op == Op::kMaxPool && padded && !non_negative)
    want.fill = -std::numeric_limits<float>::infinity();
  return want;
}

Want WantedGate(const Layout& gate, const Layout& output) {
  Want want{gate, 0};
  want.layout.halo = {};
  want.layout.flat = !output.LanesAreImages();
  want.layout.lanes = output.LanesAreImages() ? output.lanes : 1;
  want.layout.grid = {};
  want.layout.tile_h = want.layout.tile_w = 1;
  return want;
}

Layout PartsOf(const Layout& input, const Layout& output) {
  Layout layout = input;
  layout.flat = false;
  layout.halo = {};
  layout.lanes = output.lanes;
  layout.grid = output.grid;
  layout.tile_h = output.tile_h * input.height / output.height;
  layout.tile_w = output.tile_w * input.width / output.width;
  const bool aligned = layout.tile_h * output.height == output.tile_h * input.height &&
                       layout.tile_w * output.width == output.tile_w * input.width;
  if (!output.LanesAreImages() && !aligned) layout.lanes = 0;
  return layout;
}

Want ResizedInput(const Node& node, const Layout& input, const Layout& output) {
  Want want{PartsOf(input, output), 0};
  // Blending reads beyond the tiles.
  if (!output.LanesAreImages() && node.resize != Resize::kNearest) want.layout.lanes = 0;
  return want;
}

bool Skips(const Window& window) {
  const std::array<int64_t, 2> one{1, 1}, none{0, 0};
  return window.kernel == one && window.stride != one && window.pad_begin == none &&
         window.pad_end == none;
}

Layout SeenBy(const Window& window, const Layout& input, const Layout& output) {
  Layout seen = output;
  seen.channels = input.channels;
  seen.halo = {};
  seen.step = {window.stride[0], window.stride[1]};
  return seen;
}

}  // namespace sparseprune
