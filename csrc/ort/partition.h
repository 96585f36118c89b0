// Which nodes to claim together: sets that can each become one node, and that run faster so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ort/cost.h"

namespace sparseprune::ort {

struct Vertex {
  std::vector<int> producers;  // vertices whose outputs this one reads; all come earlier
  std::string refusal;         // why it cannot be claimed; empty: it can
  Transpose end = Transpose::kNone;
  bool weighted = false;  // a convolution or a linear layer
  double sparsity = 0;    // of its weight
  Cost cost;
  double border = 0;   // cycles for its output to pass from one provider to the other
  double outside = 0;  // the same for those of its inputs that no vertex makes

  bool supported() const { return refusal.empty(); }
};

struct Region {
  std::vector<int> members;     // ascending
  double ours = 0, theirs = 0;  // cycles
};

struct Partition {
  std::vector<Region> regions;        // to claim
  std::vector<std::string> refusals;  // of each vertex; empty: claimed
};

// Regions hold supported vertices, and are disjoint. Each is convex: no path leaves it and comes
// back. Fusing all of them at once leaves the graph without a cycle.
//
// With `min_sparsity` those are claimed that hold a weighted vertex at least that sparse. Without,
// those that are estimated to run faster here, borders included; and of those, without the vertices
// at their beginning or end that are faster there.
Partition Divide(const std::vector<Vertex>& graph, std::optional<double> min_sparsity);

}  // namespace sparseprune::ort
