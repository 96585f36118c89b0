// The graph as the engine runs it: a sum and a ReLU join the layer before them where they can.
#pragma once

#include <vector>

#include "engine/graph.h"

namespace sparseprune {

struct Step {
  Op op;             // kAdd and kActivation: an elementwise step
  const Node* node;  // parameters and window; the first of the joined nodes
  ValueId input;
  ValueId other = -1;  // what is added: a second input of kAdd, the residual of kConv
  ValueId output;
  Activation activation = Activation::kNone;
};

// `graph` is valid and outlives the steps.
std::vector<Step> FuseSteps(const Graph& graph);

}  // namespace sparseprune
