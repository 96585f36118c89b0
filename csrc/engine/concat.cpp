#include "engine/concat.h"

namespace sparseprune {
namespace {

class Placer {
 public:
  // From the last step back: where features are joined layer after layer, as in DenseNet, the
  // last concatenation holds all the earlier ones.
  Placer(const Graph& graph, const std::vector<Step>& steps, const std::vector<Layout>& made)
      : subviews(graph.value_count), made_(made), movable_(graph.value_count) {
    for (const Step& step : steps) movable_[step.output] = step.op != Op::kFlatten;
    for (size_t i = steps.size(); i-- > 0;)
      if (steps[i].op == Op::kConcat) Place(steps[i]);
  }

  std::vector<Subview> subviews;

 private:
  void Place(const Step& step) {
    Subview& joined = subviews[step.output];
    if (joined.whole < 0 && AreAdjacent(step.node->inputs) &&
        made_[step.input].SameTiles(made_[step.output]))
      joined = subviews[step.input];
    if (joined.whole < 0) joined = {step.output, 0};
    int64_t first = joined.first;
    for (ValueId id : step.node->inputs) {
      Subview& subview = subviews[id];
      const bool same = made_[id].SameTiles(made_[step.output]);
      if (subview.whole < 0 && movable_[id] && same) subview = {joined.whole, first};
      first += made_[id].channels;
    }
  }

  bool AreAdjacent(const std::vector<ValueId>& values) const {
    Subview next = subviews[values[0]];
    for (ValueId id : values) {
      if (subviews[id].whole < 0 || subviews[id].whole != next.whole ||
          subviews[id].first != next.first)
        return false;
      next.first += made_[id].channels;
    }
    return true;
  }

  const std::vector<Layout>& made_;
  std::vector<bool> movable_;
};

}  // namespace

std::vector<Subview> PlaceSubviews(const Graph& graph, const std::vector<Step>& steps,
                                   std::vector<Layout>& made) {
  std::vector<Subview> subviews = Placer(graph, steps, made).subviews;
  std::vector<Halo> halos(subviews.size());
  for (size_t v = 0; v < subviews.size(); ++v)
    if (subviews[v].whole >= 0)
      halos[subviews[v].whole] = Halo::Max(halos[subviews[v].whole], made[v].halo);
  for (size_t v = 0; v < subviews.size(); ++v)
    if (subviews[v].whole >= 0) made[v].halo = halos[subviews[v].whole];
  return subviews;
}

}  // namespace sparseprune
