// A layer as a node of the engine, with its own copy of the weights.
#pragma once

#include <string>

#include "ort/layer.h"

namespace sparseprune::ort {

// Without inputs and output. `title` is for error messages. Throws Refusal where the positions of a
// compact node's weights are wrong.
Node MakeNode(const Layer& layer, const std::string& title);

}  // namespace sparseprune::ort
