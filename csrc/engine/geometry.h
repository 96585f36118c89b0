// What a step needs to find around each position of its input.
#pragma once

#include "engine/layout.h"
#include "engine/mode.h"
#include "engine/steps.h"

namespace sparseprune {

// A layout some step wants to read, and what it must find outside the map.
struct Want {
  Layout layout;
  float fill = 0;
};

// The extents of a value in one pass of `mode`: channels, height and width; one vector with
// `groups` rows where images are in lanes.
Layout Extents(const Shape& shape, const Mode& mode);

// The input layout with which `step` (kConv, kLinear or pooling) makes `output`.
Want WantedInput(const Step& step, const Layout& input, const Layout& output, bool non_negative);

// In which layout a value of one position per channel multiplies the channels of `output`.
Want WantedGate(const Layout& gate, const Layout& output);

// The tiles of `input` of which every lane can make its part of the resized `output`; lanes 0
// where there are none.
Layout PartsOf(const Layout& input, const Layout& output);

// The input layout with which kResize makes `output`; any (lanes 0) where values change lanes.
Want ResizedInput(const Node& node, const Layout& input, const Layout& output);

// Whether windows of one position leave rows or columns out.
bool Skips(const Window& window);
// What such windows see, with the tiles of the `output` they make.
Layout SeenBy(const Window& window, const Layout& input, const Layout& output);

}  // namespace sparseprune
