// A claimed subgraph as a graph of the engine, with its own copy of the weights.
#pragma once

#include "engine/graph.h"
#include "ort/source.h"

namespace sparseprune::ort {

struct Translation {
  Graph graph;
  // For each graph input: which input of the fused node it is, and its name.
  std::vector<size_t> input_slots;
  std::vector<std::string> input_names;
  // Inputs and outputs are N x T x F, or of rank 4; the graph's have all axes but the last as one.
  bool tokens = false;
};

// Throws Error for a node that Understand refuses: such nodes are never claimed.
Translation Translate(const Api& api, const abi::Graph* subgraph, const abi::Node* fused_node);

}  // namespace sparseprune::ort
