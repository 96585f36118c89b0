#include "ort/partition.h"

#include <algorithm>
#include <numeric>

namespace sparseprune::ort {
namespace {

// How often a path to the vertex changed, at most, between supported and unsupported ones.
// Levels never fall along an edge, and rise where support changes. So a path between two supported
// vertices of one level holds supported vertices of that level only: each level's supported
// vertices form a convex set, and so does each of its connected components. An edge from one
// component to another leads to a higher level, so fusing all components makes no cycle.
std::vector<int> Levels(const std::vector<Vertex>& graph) {
  std::vector<int> levels(graph.size(), 0);
  for (size_t v = 0; v < graph.size(); ++v)
    for (int p : graph[v].producers)
      levels[v] = std::max(levels[v], levels[p] + (graph[p].supported != graph[v].supported));
  return levels;
}

// Supported vertices worth claiming: weighted ones and what follows them within their level. The
// rest would be read and written by us just as by the CPU provider. What is dropped never
// follows what is kept, so the argument above holds for the rest.
std::vector<bool> Kept(const std::vector<Vertex>& graph, const std::vector<int>& levels) {
  std::vector<bool> kept(graph.size(), false);
  for (size_t v = 0; v < graph.size(); ++v) {
    if (!graph[v].supported) continue;
    kept[v] = graph[v].weighted;
    for (int p : graph[v].producers)
      if (levels[p] == levels[v] && kept[p]) kept[v] = true;
  }
  return kept;
}

class Components {
 public:
  explicit Components(size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }
  int Root(int v) {
    while (parent_[v] != v) v = parent_[v] = parent_[parent_[v]];
    return v;
  }
  void Join(int a, int b) { parent_[std::max(Root(a), Root(b))] = std::min(Root(a), Root(b)); }

 private:
  std::vector<int> parent_;
};

}  // namespace

std::vector<std::vector<int>> Partition(const std::vector<Vertex>& graph) {
  const std::vector<int> levels = Levels(graph);
  const std::vector<bool> kept = Kept(graph, levels);
  Components components(graph.size());
  for (size_t v = 0; v < graph.size(); ++v)
    for (int p : graph[v].producers)
      if (kept[v] && kept[p] && levels[p] == levels[v]) components.Join(static_cast<int>(v), p);

  std::vector<std::vector<int>> members(graph.size());
  std::vector<bool> sparse(graph.size(), false);
  for (size_t v = 0; v < graph.size(); ++v) {
    if (!kept[v]) continue;
    const int root = components.Root(static_cast<int>(v));
    members[root].push_back(static_cast<int>(v));
    if (graph[v].sparse) sparse[root] = true;
  }
  std::vector<std::vector<int>> groups;
  for (size_t v = 0; v < graph.size(); ++v)
    if (sparse[v]) groups.push_back(std::move(members[v]));
  return groups;
}

}  // namespace sparseprune::ort
