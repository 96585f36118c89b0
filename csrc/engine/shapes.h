// Checks of a graph and of shapes; everything downstream trusts what passed them.
#pragma once

#include <string>
#include <vector>

#include "engine/graph.h"

namespace sparseprune {

// Throws InvalidGraph, naming the node, for anything that is wrong whatever the input shapes are.
void Validate(const Graph& graph);

// The shape of every value, from those of the inputs in the caller's memory. Throws InvalidGraph,
// naming the node and the shapes that do not fit.
std::vector<Shape> InferShapes(const Graph& graph, const std::vector<Shape>& inputs);

// The shapes of the outputs in the caller's memory; `shapes` holds that of every value.
std::vector<Shape> OutputShapes(const Graph& graph, const std::vector<Shape>& shapes);

// Product of the dimensions. Throws InvalidGraph when the float32 tensor could not be addressed.
int64_t ElementCount(const Shape& shape);

// Throws InvalidGraph("node 'NAME': WHAT").
[[noreturn]] void Fail(const Node& node, const std::string& what);

// "[2, 3, 32, 32]"
std::string ToString(const Shape& shape);

}  // namespace sparseprune
