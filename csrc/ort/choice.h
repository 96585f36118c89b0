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
  // `readers`: the vertices that read each vertex's output.
  Chooser(const std::vector<Vertex>& graph, const std::vector<std::vector<int>>& readers)
      : graph_(graph), readers_(readers) {}

  // All of `group`: connected vertices, ascending.
  Choice All(const std::vector<int>& group) const;
  // What is left after taking vertices from its beginning and end, up to a compact one; maybe
  // nothing where there is none. What was left of
  // a convex set is convex: a path that leaves it through what was taken from the beginning would
  // have to come from there.
  Choice Fastest(const std::vector<int>& group) const;

 private:
  // Of the vertices [first, last) of `group`, less the transposes that are not at its ends.
  std::vector<int> Members(const std::vector<int>& group, size_t first, size_t last) const;
  Region Part(const std::vector<int>& group, size_t first, size_t last) const;

  const std::vector<Vertex>& graph_;
  const std::vector<std::vector<int>>& readers_;
};

}  // namespace sparseprune::ort
