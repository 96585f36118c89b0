// The graph as the engine runs it: sums, scales and activations join the step before them where
// they can.
#pragma once

#include <vector>

#include "engine/graph.h"

namespace sparseprune {

struct Step {
  Op op;
  const Node* node;  // parameters and window; the first of the joined nodes
  ValueId input;
  ValueId other = -1;  // what is added: a second input of kAdd, the residual of kConv
  ValueId output;
  const Node* scale = nullptr;  // kScale, after the sum; of elementwise steps only
  Activation activation = Activation::kNone;

  // activation(scale (input + other) + shift)
  bool Elementwise() const { return op == Op::kAdd || op == Op::kScale || op == Op::kActivation; }
};

// `graph` is valid and outlives the steps.
std::vector<Step> FuseSteps(const Graph& graph);

}  // namespace sparseprune
