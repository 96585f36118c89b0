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
  bool compact = false;   // ... of the compact form
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
//
// Supported compact vertices are claimed whatever the estimate and `min_sparsity`.
//
// ONNX Runtime asks twice: first for the graph as the file has it, to inline the functions that
// stand for what nobody claims (session.disable_aot_function_inlining skips that), then after its
// optimisations. Only what is inlined the first time has its weights folded into a dense one; what
// is claimed then but not later would rebuild its weights in every run. So both answers must agree,
// which estimates would not, as the graph changes in between. And a claim keeps the weights small:
// what is 151 MB of plain weights, 90 % of them zeros, takes 48 MB and loads in 80 ms on 1.23.2 and
// 1.32.0; inlined and folded, 770 and 920 MB and more than a second.
//
// Custom operators beside the provider (EpFactory::GetCustomOpDomains, from 1.24) load no faster
// and take as much memory; but with them ONNX Runtime no longer infers shapes through the
// functions, and loses the rank of all that follows where an extent is neither known nor named. So
// they are left to those who register them.
Partition Divide(const std::vector<Vertex>& graph, std::optional<double> min_sparsity);

}  // namespace sparseprune::ort
