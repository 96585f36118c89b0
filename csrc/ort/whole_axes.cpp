// Nodes that work along a whole axis: means of maps, softmax, concatenation.
#include <algorithm>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

// The axes are an attribute before opset 18, an input from then on.
Shape ReducedAxes(const NodeView& node) {
  if (node.has_input(1)) return node.Integers(1, "axes");
  const std::optional<Shape> axes = node.Ints("axes");
  Require(axes.has_value(), "reduces all axes");
  return *axes;
}

}  // namespace

Layer UnderstandGlobalAveragePool(const NodeView& node) {
  node.ExpectData(1, {4});
  return node.MakeLayer(Op::kGlobalAveragePool, 1);
}

Layer UnderstandReduceMean(const NodeView& node) {
  node.ExpectData(1, {4});
  Shape axes = ReducedAxes(node);
  for (int64_t& axis : axes) axis = static_cast<int64_t>(node.AxisAt(axis));
  std::sort(axes.begin(), axes.end());
  Require(axes == Shape{2, 3}, "reduces other axes than height and width");
  Layer layer = node.MakeLayer(Op::kGlobalAveragePool, 1);
  layer.keep_dims = node.Int("keepdims", 1) != 0;
  return layer;
}

// Before opset 13 it ran along all axes from `axis` on, which is the same for the last one.
Layer UnderstandSoftmax(const NodeView& node) {
  node.ExpectData(1, {2, 3});
  Require(node.AxisAt(node.Int("axis", -1)) == node.rank() - 1, "not along the last axis");
  return node.MakeLayer(Op::kSoftmax, 1);
}

// Whether the other axes agree is for the whole graph to say: see extents.h.
Layer UnderstandConcat(const NodeView& node) {
  node.ExpectData(node.input_count(), {2, 3, 4});
  Require(node.AxisAt(node.Int("axis", 0)) == node.channel_axis(), "not along the channels");
  return node.MakeLayer(Op::kConcat, node.input_count());
}

}  // namespace sparseprune::ort
