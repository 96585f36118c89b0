// How much of a region is faster here than with the CPU provider.
#pragma once

#include "ort/partition.h"

namespace sparseprune::ort {

struct Choice {
  Region region;
  std::string refusal;  // of the vertices that are not in it
};

class Chooser {
 public:
  explicit Chooser(const std::vector<Vertex>& graph);

  // All of `group`: connected vertices, ascending.
  Choice All(const std::vector<int>& group) const;
  // What is left after taking vertices from its beginning and end, maybe nothing. What was left of
  // a convex set is convex: a path that leaves it through what was taken from the beginning would
  // have to come from there.
  Choice Fastest(const std::vector<int>& group) const;

 private:
  // Of the vertices [first, last) of `group`.
  Region Part(const std::vector<int>& group, size_t first, size_t last) const;

  const std::vector<Vertex>& graph_;
  std::vector<std::vector<int>> readers_;
};

}  // namespace sparseprune::ort
