// Nodes that work on each position alone: activations, sums, products, scales and shifts per
// channel.
#include <cfloat>
#include <cmath>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

Layer MakeActivation(const NodeView& node, Activation activation) {
  Layer layer = node.MakeLayer(Op::kActivation, 1);
  layer.activation = activation;
  return layer;
}

// A limit of Clip: an attribute before opset 11, an input from then on.
float Limit(const NodeView& node, size_t index, const char* name, float otherwise) {
  const std::optional<Tensor> limit = node.Constant(index, abi::ElementType::kFloat, name);
  if (!limit) return node.Float(name, otherwise);
  Require(limit->count() == 1, "a limit that is not one number");
  return *limit->floats();
}

// Whether a constant broadcast over `node`'s data has one value for all, or one per channel.
bool IsPerChannel(const NodeView& node, const Tensor& constant) {
  if (constant.shape.size() > node.rank()) return false;
  const size_t missing = node.rank() - constant.shape.size();
  for (size_t i = 0; i < constant.shape.size(); ++i)
    if (constant.shape[i] != 1 && missing + i != node.channel_axis()) return false;
  return constant.count() > 0;
}

// `constant` repeated to one value per channel.
std::vector<double> PerChannel(const NodeView& node, const Tensor& constant) {
  Require(IsPerChannel(node, constant), "constant is not one value per channel");
  const int64_t channels = node.axes()[node.channel_axis()].extent;
  Require(channels >= 1, "the number of channels is not known");
  Require(constant.count() == 1 || constant.count() == channels, "constant does not fit its input");
  std::vector<double> values(constant.floats(), constant.floats() + constant.count());
  if (values.size() == 1) values.resize(static_cast<size_t>(channels), values[0]);
  return values;
}

// One value per channel, as a vector.
std::vector<double> Vector(const NodeView& node, size_t index, const char* name) {
  const Tensor vector = node.Parameter(index, abi::ElementType::kFloat, name);
  const int64_t channels = node.axes()[node.channel_axis()].extent;
  Require(vector.shape.size() == 1 && vector.count() > 0, "a parameter that is not a vector");
  Require(channels < 0 || vector.count() == channels, "a parameter does not fit its input");
  return {vector.floats(), vector.floats() + vector.count()};
}

Layer MakeScale(const NodeView& node, const std::vector<double>& scale,
                const std::vector<double>& shift) {
  Layer layer = node.MakeLayer(Op::kScale, 1);
  layer.scale.assign(scale.begin(), scale.end());
  layer.shift.assign(shift.begin(), shift.end());
  for (size_t c = 0; c < layer.scale.size(); ++c)
    Require(std::isfinite(layer.scale[c]) && std::isfinite(layer.shift[c]),
            "a constant that is not finite");
  return layer;
}

}  // namespace

Layer UnderstandActivation(const NodeView& node) {
  node.ExpectData(1, {2, 3, 4});
  return MakeActivation(node, node.op() == "Relu"      ? Activation::kRelu
                              : node.op() == "Sigmoid" ? Activation::kSigmoid
                                                       : Activation::kHardSwish);
}

Layer UnderstandHardSigmoid(const NodeView& node) {
  node.ExpectData(1, {2, 3, 4});
  Layer layer = MakeActivation(node, Activation::kHardSigmoid);
  layer.line = {node.Float("alpha", 0.2f), node.Float("beta", 0.5f)};
  Require(std::isfinite(layer.line.slope) && std::isfinite(layer.line.offset),
          "a constant that is not finite");
  return layer;
}

Layer UnderstandClip(const NodeView& node) {
  node.ExpectData(1, {2, 3, 4});
  const float low = Limit(node, 1, "min", -FLT_MAX), high = Limit(node, 2, "max", FLT_MAX);
  Require(low == 0 && (high == 6 || high >= FLT_MAX), "clips to other limits than 0 and 6");
  return MakeActivation(node, high == 6 ? Activation::kRelu6 : Activation::kRelu);
}

// Whether the shapes agree is for the whole graph to say: see extents.h.
Layer UnderstandAdd(const NodeView& node) {
  if (node.IsConstant(1)) return UnderstandAffine(node);
  node.ExpectData(2, {2, 3, 4});
  return node.MakeLayer(Op::kAdd, 2);
}

// Which shapes agree, too.
Layer UnderstandMul(const NodeView& node) {
  if (node.IsConstant(1)) return UnderstandAffine(node);
  node.ExpectData(2, {2, 3, 4});
  return node.MakeLayer(Op::kMultiply, 2);
}

// Add, Sub, Mul and Div with a constant on the right.
Layer UnderstandAffine(const NodeView& node) {
  node.ExpectData(1, {2, 3, 4});
  const Tensor constant = node.Parameter(1, abi::ElementType::kFloat, "second operand");
  std::vector<double> values = PerChannel(node, constant);
  const bool shifts = node.op() == "Add" || node.op() == "Sub";
  for (double& value : values) {
    if (node.op() == "Sub") value = -value;
    if (node.op() == "Div") value = 1 / value;
  }
  const std::vector<double> zeros(values.size(), 0.0), ones(values.size(), 1.0);
  return shifts ? MakeScale(node, ones, values) : MakeScale(node, values, zeros);
}

Layer UnderstandBatchNorm(const NodeView& node) {
  node.ExpectData(1, {2, 4});
  Require(node.Int("training_mode", 0) == 0, "training mode");
  std::vector<double> scale = Vector(node, 1, "scale"), shift = Vector(node, 2, "shift");
  const std::vector<double> mean = Vector(node, 3, "mean"), variance = Vector(node, 4, "variance");
  Require(shift.size() == scale.size() && mean.size() == scale.size() &&
              variance.size() == scale.size(),
          "parameters of different lengths");
  const double epsilon = static_cast<double>(node.Float("epsilon", 1e-5f));
  for (size_t c = 0; c < scale.size(); ++c) {
    scale[c] /= std::sqrt(variance[c] + epsilon);
    shift[c] -= mean[c] * scale[c];
  }
  return MakeScale(node, scale, shift);
}

}  // namespace sparseprune::ort
