#include "ort/partition.h"

#include <algorithm>

#include "ort/choice.h"
#include "ort/components.h"

namespace sparseprune::ort {
namespace {

// A weight with fewer zeros was not pruned: they came by chance, or by rounding.
constexpr double kPruned = 0.1;
constexpr char kUnpruned[] = "none of the layers around it is pruned";

// How often a path to the vertex changed, at most, between supported and unsupported ones.
// Levels never fall along an edge, and rise where support changes. So a path between two supported
// vertices of one level holds supported vertices of that level only: each level's supported
// vertices form a convex set, and so does each of its connected components. An edge from one
// component to another leads to a higher level, so fusing all components makes no cycle.
std::vector<int> Levels(const std::vector<Vertex>& graph) {
  std::vector<int> levels(graph.size(), 0);
  for (size_t v = 0; v < graph.size(); ++v)
    for (int p : graph[v].producers)
      levels[v] = std::max(levels[v], levels[p] + (graph[p].supported() != graph[v].supported()));
  return levels;
}

// The vertices that read each vertex's output.
std::vector<std::vector<int>> Readers(const std::vector<Vertex>& graph) {
  std::vector<std::vector<int>> readers(graph.size());
  for (size_t v = 0; v < graph.size(); ++v)
    for (int p : graph[v].producers) readers[p].push_back(static_cast<int>(v));
  return readers;
}

// Supported vertices worth claiming: weighted ones and what follows them within their level. The
// rest would be read and written by us just as by the CPU provider. What is dropped never
// follows what is kept, so the argument above holds for the rest. A transpose that only kept
// vertices read comes along: they then read its input.
std::vector<bool> Kept(const std::vector<Vertex>& graph, const std::vector<int>& levels,
                       const std::vector<std::vector<int>>& readers) {
  std::vector<bool> kept(graph.size(), false);
  for (size_t v = 0; v < graph.size(); ++v) {
    if (!graph[v].supported()) continue;
    kept[v] = graph[v].weighted;
    for (int p : graph[v].producers)
      if (levels[p] == levels[v] && kept[p]) kept[v] = true;
  }
  for (size_t v = 0; v < graph.size(); ++v)
    if (graph[v].supported() && graph[v].end == Transpose::kFromChannelsLast)
      kept[v] = std::all_of(readers[v].begin(), readers[v].end(),
                            [&](int r) { return kept[r] && levels[r] == levels[v]; });
  return kept;
}

// The connected components of the kept vertices of each level.
std::vector<std::vector<int>> Groups(const std::vector<Vertex>& graph,
                                     const std::vector<int>& levels,
                                     const std::vector<bool>& kept) {
  Components components(graph.size());
  for (size_t v = 0; v < graph.size(); ++v)
    for (int p : graph[v].producers)
      if (kept[v] && kept[p] && levels[p] == levels[v]) components.Join(static_cast<int>(v), p);
  std::vector<std::vector<int>> members(graph.size());
  for (size_t v = 0; v < graph.size(); ++v)
    if (kept[v]) members[components.Root(static_cast<int>(v))].push_back(static_cast<int>(v));
  std::vector<std::vector<int>> groups;
  for (std::vector<int>& group : members)
    if (!group.empty()) groups.push_back(std::move(group));
  return groups;
}

bool IsPruned(const std::vector<Vertex>& graph, const std::vector<int>& members, double sparsity) {
  return std::any_of(members.begin(), members.end(), [&](int v) {
    return graph[v].compact || (graph[v].weighted && graph[v].sparsity >= sparsity);
  });
}

Choice Choose(const std::vector<Vertex>& graph, const Chooser& chooser,
              const std::vector<int>& group, std::optional<double> min_sparsity) {
  const double sparsity = min_sparsity.value_or(kPruned);
  if (!IsPruned(graph, group, sparsity)) return {{}, kUnpruned};
  Choice choice = min_sparsity ? chooser.All(group) : chooser.Fastest(group);
  // Without its slow ends a region may hold dense layers alone: what they save is in the noise of
  // the estimate, and less than the microsecond that a call of ours takes. Or activations alone,
  // which rows.h relies on not to be claimed.
  const std::vector<int>& members = choice.region.members;
  if (!members.empty() && !IsPruned(graph, members, sparsity)) return {{}, kUnpruned};
  return choice;
}

}  // namespace

bool HasCompact(const std::vector<Vertex>& graph, const std::vector<int>& group) {
  return std::any_of(group.begin(), group.end(), [&](int v) { return graph[v].compact; });
}

Partition Divide(const std::vector<Vertex>& graph, std::optional<double> min_sparsity) {
  const std::vector<int> levels = Levels(graph);
  const std::vector<std::vector<int>> readers = Readers(graph);
  const Chooser chooser(graph, readers);
  Partition result;
  for (const Vertex& vertex : graph)
    result.refusals.push_back(vertex.supported() ? "no layer before it is run here"
                                                 : vertex.refusal);
  for (const std::vector<int>& group : Groups(graph, levels, Kept(graph, levels, readers))) {
    const Choice choice = Choose(graph, chooser, group, min_sparsity);
    for (int v : group) result.refusals[v] = choice.refusal;
    for (int v : choice.region.members) result.refusals[v].clear();
    if (!choice.region.members.empty()) result.regions.push_back(choice.region);
  }
  return result;
}

}  // namespace sparseprune::ort
