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
  // What is added or multiplied: the other input of kAdd or kMultiply, the residual of kConv.
  ValueId other = -1;
  ValueId output;
  const Node* scale = nullptr;  // kScale, after the sum; of elementwise steps only
  Activation activation = Activation::kNone;
  Line line;

  bool Joins() const { return op == Op::kAdd || op == Op::kMultiply; }
  // activation(scale (input + other) + shift), or with a product
  bool Elementwise() const { return Joins() || op == Op::kScale || op == Op::kActivation; }
};

// `graph` is valid and outlives the steps; `shapes` has that of every value.
std::vector<Step> FuseSteps(const Graph& graph, const std::vector<Shape>& shapes);

}  // namespace sparseprune
