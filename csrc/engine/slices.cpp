#include "engine/slices.h"

namespace sparseprune {
namespace {

class Placer {
 public:
  // From the last step back: where features are joined layer after layer, as in DenseNet, the
  // last concatenation holds all the earlier ones.
  Placer(const Graph& graph, const std::vector<Step>& steps, const std::vector<Layout>& made)
      : slices(graph.value_count), made_(made), movable_(graph.value_count) {
    for (const Step& step : steps) movable_[step.output] = step.op != Op::kFlatten;
    for (size_t i = steps.size(); i-- > 0;)
      if (steps[i].op == Op::kConcat) Place(steps[i]);
  }

  std::vector<Slice> slices;

 private:
  void Place(const Step& step) {
    Slice& joined = slices[step.output];
    if (joined.whole < 0 && AreAdjacent(step.node->inputs) &&
        made_[step.input].SameTiles(made_[step.output]))
      joined = slices[step.input];
    if (joined.whole < 0) joined = {step.output, 0};
    int64_t first = joined.first;
    for (ValueId id : step.node->inputs) {
      Slice& slice = slices[id];
      const bool same = made_[id].SameTiles(made_[step.output]);
      if (slice.whole < 0 && movable_[id] && same) slice = {joined.whole, first};
      first += made_[id].channels;
    }
  }

  bool AreAdjacent(const std::vector<ValueId>& values) const {
    Slice next = slices[values[0]];
    for (ValueId id : values) {
      if (slices[id].whole < 0 || slices[id].whole != next.whole || slices[id].first != next.first)
        return false;
      next.first += made_[id].channels;
    }
    return true;
  }

  const std::vector<Layout>& made_;
  std::vector<bool> movable_;
};

}  // namespace

std::vector<Slice> PlaceSlices(const Graph& graph, const std::vector<Step>& steps,
                               std::vector<Layout>& made) {
  std::vector<Slice> slices = Placer(graph, steps, made).slices;
  std::vector<Halo> halos(slices.size());
  for (size_t v = 0; v < slices.size(); ++v)
    if (slices[v].whole >= 0)
      halos[slices[v].whole] = Halo::Max(halos[slices[v].whole], made[v].halo);
  for (size_t v = 0; v < slices.size(); ++v)
    if (slices[v].whole >= 0) made[v].halo = halos[slices[v].whole];
  return slices;
}

}  // namespace sparseprune
