#include "engine/assign.h"

#include <algorithm>
#include <utility>

namespace sparseprune {
namespace {

class Assigner {
 public:
  // From the last step back, so that what the readers of a value want is known when it is placed.
  Assigner(const Network& network, const MapTiles& tiles) : network_(network), tiles_(tiles) {
    const Graph& graph = network.graph;
    result.made.resize(graph.value_count);
    result.readers.resize(graph.value_count);
    result.wanted.resize(network.steps.size());
    non_negative_.resize(graph.value_count);
    for (int v = 0; v < graph.value_count; ++v)
      if (!network.shapes[v].empty()) result.made[v] = Extents(network.shapes[v], network.mode);
    for (const Step& step : network.steps)
      non_negative_[step.output] =
          step.activation == Activation::kRelu || step.activation == Activation::kRelu6 ||
          step.activation == Activation::kSigmoid || step.activation == Activation::kHardSigmoid;
    for (size_t i = network.steps.size(); i-- > 0;) Place(i);
    for (ValueId id : graph.inputs) PlaceInput(id);
    result.subviews = PlaceSubviews(graph, network.steps, result.made);
  }

  Assignment result;

 private:
  void Place(size_t index) {
    const Step& step = network_.steps[index];
    Layout& made = result.made[step.output];
    if (network_.mode.images_in_lanes)
      made = WithHalo(step.output, {Grid{}, made.height, made.width});
    else if (MakesFlat(step, made))
      made.flat = true;
    else
      made = WithHalo(step.output, tiles_.at({made.height, made.width}));
    result.wanted[index] = FirstInput(step, made);
    result.readers[step.input].push_back(result.wanted[index]);
    if (step.other >= 0) result.readers[step.other].push_back(WantedOther(step, made));
    if (step.op == Op::kConcat)
      for (ValueId id : step.node->inputs) result.readers[id].push_back(SameAs(made));
  }

  void PlaceInput(ValueId id) {
    Layout& made = result.made[id];
    made.flat = !network_.mode.images_in_lanes;
    if (!made.flat) made = WithHalo(id, {Grid{}, made.height, made.width});
  }

  // One image's vectors, averages and flattened maps are plain arrays.
  bool MakesFlat(const Step& step, const Layout& extents) const {
    switch (step.op) {
      case Op::kLinear:
      case Op::kSoftmax:
      case Op::kGlobalAveragePool:
      case Op::kFlatten:
        return true;
      case Op::kConv:
      case Op::kMaxPool:
      case Op::kAveragePool:
      case Op::kResize:
        return false;
      case Op::kAdd:
      case Op::kMultiply:
      case Op::kScale:
      case Op::kActivation:
      case Op::kConcat:
        break;
    }
    return extents.height * extents.width == 1 && !ReadAsMap(step.output);
  }

  bool ReadAsMap(ValueId value) const {
    const std::vector<Want>& readers = result.readers[value];
    return std::any_of(readers.begin(), readers.end(),
                       [](const Want& want) { return want.layout.lanes > 0 && !want.layout.flat; });
  }

  // With the halo all the readers that share the tiles ask for.
  Layout WithHalo(ValueId value, const MapTile& tile) const {
    Layout layout = result.made[value];
    layout.lanes = network_.lanes;
    layout.grid = tile.grid;
    layout.tile_h = tile.h;
    layout.tile_w = tile.w;
    for (const Want& want : result.readers[value])
      if (want.layout.lanes > 0 && Serves(layout, want))
        layout.halo = Halo::Max(layout.halo, want.layout.halo);
    return layout;
  }

  Want FirstInput(const Step& step, const Layout& made) const {
    Want want{result.made[step.input], 0};
    want.layout.lanes = 0;
    switch (step.op) {
      case Op::kLinear:
        if (!network_.mode.images_in_lanes) {
          want.layout.flat = true;
          want.layout.lanes = 1;
          return want;
        }
        [[fallthrough]];
      case Op::kConv:
      case Op::kMaxPool:
      case Op::kAveragePool:
        return WantedInput(step, result.made[step.input], made, non_negative_[step.input]);
      case Op::kAdd:
      case Op::kMultiply:
      case Op::kScale:
      case Op::kActivation:
      case Op::kSoftmax:
        return SameAs(made);
      case Op::kResize:
        return ResizedInput(*step.node, result.made[step.input], made);
      case Op::kConcat:  // each input is copied to its subview, from any layout, or is there
      case Op::kGlobalAveragePool:
      case Op::kFlatten:
        break;
    }
    return want;
  }

  Want WantedOther(const Step& step, const Layout& made) const {
    const bool gate = network_.shapes[step.other] != network_.shapes[step.output];
    return gate ? WantedGate(result.made[step.other], made) : SameAs(made);
  }

  static Want SameAs(Layout layout) {
    layout.halo = {};
    return {layout, 0};
  }

  const Network& network_;
  const MapTiles& tiles_;
  std::vector<bool> non_negative_;
};

}  // namespace

bool Serves(const Layout& layout, const Want& want) {
  return want.fill == 0 && layout.SameTiles(want.layout) && layout.OwnsAll();
}

Assignment AssignLayouts(const Network& network, const MapTiles& tiles) {
  return std::move(Assigner(network, tiles).result);
}

}  // namespace sparseprune
