// Which nodes to claim together: as many as possible, in sets that can each become one node.
#pragma once

#include <vector>

namespace sparseprune::ort {

struct Vertex {
  std::vector<int> producers;  // vertices whose outputs this one reads; all come earlier
  bool supported = false;
  bool weighted = false;  // a convolution or a linear layer
  bool sparse = false;    // weighted, with enough zeros to be worth it
};

// Disjoint sets of supported vertices, each in ascending order. Every set is connected, holds a
// sparse vertex, and is convex: no path leaves it and comes back. Fusing all of them at once
// leaves the graph without a cycle.
std::vector<std::vector<int>> Partition(const std::vector<Vertex>& graph);

}  // namespace sparseprune::ort
