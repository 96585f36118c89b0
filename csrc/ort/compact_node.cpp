// Compact nodes of a graph; part of node_view.h.
#include "ort/compact.h"
#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

void ExpectFeatures(const Axis& axis, int64_t expected) {
  Require(axis.extent < 0 || axis.extent == expected, "weight does not fit its input");
}

void ExpectInput(const NodeView& node, const Layer& layer) {
  const Shape& weight = layer.weight.shape;
  if (layer.op == Op::kLinear) return ExpectFeatures(node.axes().back(), weight[1]);
  ExpectFeatures(node.axes()[1], weight[1] * layer.groups);
  ExpectFit(node.axes(), layer.window);
}

}  // namespace

Layer UnderstandCompact(const NodeView& node, const CompactOperator& kind) {
  const bool conv = kind.op == Op::kConv;
  conv ? node.ExpectData(1, {4}) : node.ExpectData(1, {2, 3, 4});
  if (!conv) node.ExpectRowsOfRank4();
  Require(node.input_count() == 4, "not four inputs");
  CompactAttributes attributes;
  attributes.weight_shape = node.Ints("weight_shape");
  attributes.strides = node.Ints("strides");
  attributes.pads = node.Ints("pads");
  attributes.dilations = node.Ints("dilations");
  attributes.group = node.Int("group");
  const bool steps = kind.positions == Encoding::Positions::kSteps;
  const Tensor values = node.Constant(1, "values");
  const Tensor positions = node.Constant(2, steps ? "steps" : "bitmask");
  Layer layer = MakeCompactLayer(kind, attributes, {values, positions, node.Constant(3, "bias")});
  Require(!conv || attributes.weight_shape->size() == 4, "weight does not fit its input");
  layer.inputs = {node.input(0)};
  layer.output = node.output();
  layer.rows = node.reads_rows();
  ExpectInput(node, layer);
  return layer;
}

}  // namespace sparseprune::ort
