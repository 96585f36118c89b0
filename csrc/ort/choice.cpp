#include "ort/choice.h"

#include <algorithm>
#include <iterator>
#include <sstream>

namespace sparseprune::ort {
namespace {

// Estimates err; what is not clearly faster is left, as if the provider were not there.
constexpr double kMargin = 1.05;
// Nor is an end taken off a region for less than this share of its time.
constexpr double kWorthwhile = 0.02;

double Saved(const Region& region) { return region.theirs - region.ours; }

std::string Megacycles(double cycles) {
  std::ostringstream text;
  text.precision(2);
  text << cycles / 1e6;
  return text.str();
}

std::string Slower(const Region& region) {
  return "estimated faster with the CPU provider: " + Megacycles(region.theirs) +
         " million cycles, here " + Megacycles(region.ours);
}

}  // namespace

std::vector<int> Chooser::Members(const std::vector<int>& group, size_t first, size_t last) const {
  const auto begin = group.begin() + first, end = group.begin() + last;
  const auto all_inside = [&](const std::vector<int>& others) {
    return std::all_of(others.begin(), others.end(),
                       [&](int v) { return std::binary_search(begin, end, v); });
  };
  std::vector<int> members;
  std::copy_if(begin, end, std::back_inserter(members), [&](int v) {
    if (graph_[v].end == Transpose::kFromChannelsLast) return all_inside(readers_[v]);
    if (graph_[v].end == Transpose::kToChannelsLast) return all_inside(graph_[v].producers);
    return true;
  });
  return members;
}

Region Chooser::Part(const std::vector<int>& group, size_t first, size_t last) const {
  Region region;
  region.members = Members(group, first, last);
  const auto inside = [&](int v) {
    return std::binary_search(region.members.begin(), region.members.end(), v);
  };
  std::vector<int> entering;
  for (int v : region.members) {
    region.ours += graph_[v].cost.ours + graph_[v].outside;
    region.theirs += graph_[v].cost.theirs;
    for (int p : graph_[v].producers)
      if (!inside(p)) entering.push_back(p);
    const std::vector<int>& readers = readers_[v];
    if (!std::all_of(readers.begin(), readers.end(), inside)) region.ours += graph_[v].border;
  }
  std::sort(entering.begin(), entering.end());
  entering.erase(std::unique(entering.begin(), entering.end()), entering.end());
  for (int p : entering) region.ours += graph_[p].border;
  return region;
}

Choice Chooser::All(const std::vector<int>& group) const {
  return {Part(group, 0, group.size()), ""};
}

Choice Chooser::Fastest(const std::vector<int>& group) const {
  const Region all = Part(group, 0, group.size());
  Region best = all;
  const double worthwhile = kWorthwhile * all.ours;
  // Among equals a region begins late and ends late, so that a clamp, which costs nothing, stays
  // with the layer it follows.
  size_t begin = 0;
  for (size_t first = 1; first < group.size() && !graph_[group[first - 1]].compact; ++first) {
    Region part = Part(group, first, group.size());
    if (Saved(part) < std::max(Saved(best), Saved(all) + worthwhile)) continue;
    best = std::move(part);
    begin = first;
  }
  const double begun = Saved(best);
  for (size_t last = group.size() - 1; last > begin && !graph_[group[last]].compact; --last) {
    Region part = Part(group, begin, last);
    if (Saved(part) > std::max(Saved(best), begun + worthwhile)) best = std::move(part);
  }
  if (!HasCompact(graph_, group) && best.theirs <= kMargin * best.ours) return {{}, Slower(all)};
  return {best, "estimated faster with the CPU provider"};
}

}  // namespace sparseprune::ort
