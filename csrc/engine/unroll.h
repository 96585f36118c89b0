// Convolutions of maps of a few positions as products of a matrix and the flattened map.
//
// Such a map leaves most lanes empty, and its weights are used for one vector each. As a matrix,
// lanes are output channels: a weight stands there once for every output position at which it meets
// the map (of a 3 x 3 kernel on a 2 x 2 map 1.8 times on average), and all lanes work.
#pragma once

#include <vector>

#include "engine/mode.h"
#include "engine/sliced_rows.h"
#include "engine/steps.h"

namespace sparseprune {

// Per step: whether it is a convolution that is estimated to run faster so.
std::vector<bool> ChooseUnrolled(const std::vector<Step>& steps, const std::vector<Shape>& shapes,
                                 const Mode& mode, const KernelTable& kernels);

// The shapes are those of the maps, N x C x H x W. Inputs and outputs lie as plain maps do.
VectorLayer Unroll(const Node& node, const Shape& input, const Shape& output);

}  // namespace sparseprune
