// Nodes that work along a whole axis: means of maps, softmax, concatenation.
#include <algorithm>

#include "ort/node_view.h"

namespace sparseprune::ort {

Layer UnderstandGlobalAveragePool(const NodeView& node) {
  node.ExpectData(1, {4});
  return node.MakeLayer(Op::kGlobalAveragePool, 1);
}

Layer UnderstandReduceMean(const NodeView& node) {
  node.ExpectData(1, {4});
  Require(node.Axes("reduces all axes") == Shape{2, 3}, "reduces other axes than height and width");
  Layer layer = node.MakeLayer(Op::kGlobalAveragePool, 1);
  const int64_t keep_dims = node.Int("keepdims", 1);
  Require(keep_dims == 0 || keep_dims == 1, "unusual keepdims");
  layer.keep_dims = keep_dims == 1;
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
  node.ExpectData(std::max<size_t>(node.input_count(), 1), {2, 3, 4});
  Require(node.AxisAt(node.Int("axis", 0)) == node.channel_axis(), "not along the channels");
  return node.MakeLayer(Op::kConcat, node.input_count());
}

}  // namespace sparseprune::ort
