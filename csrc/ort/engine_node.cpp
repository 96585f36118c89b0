#include "ort/engine_node.h"

namespace sparseprune::ort {
namespace {

std::vector<float> Scaled(const Tensor& tensor, float scale) {
  std::vector<float> values(tensor.floats(), tensor.floats() + tensor.count());
  if (scale != 1)
    for (float& value : values) value *= scale;
  return values;
}

std::vector<float> Transposed(const std::vector<float>& values, int64_t rows, int64_t columns) {
  std::vector<float> result(values.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  return result;
}

std::vector<float> Bias(const Layer& layer, int64_t outputs) {
  if (layer.bias.data == nullptr) return {};
  std::vector<float> bias = Scaled(layer.bias, layer.bias_scale);
  if (bias.size() == 1) return std::vector<float>(static_cast<size_t>(outputs), bias[0]);
  return bias;
}

Weights Dense(const Layer& layer) {
  const std::vector<float> weight = Scaled(layer.weight, layer.weight_scale);
  const Shape& shape = layer.weight.shape;
  return layer.transposed ? Transposed(weight, shape[0], shape[1]) : weight;
}

void CopyParameters(const Layer& layer, Node& node) {
  const Shape& shape = layer.weight.shape;
  node.out_channels = layer.outputs();
  node.in_channels = shape[layer.transposed ? 0 : 1] * layer.groups;
  node.bias = Bias(layer, node.out_channels);
  node.weight = layer.encoding ? Decode(*layer.encoding, layer.weight.count()) : Dense(layer);
}

}  // namespace

Node MakeNode(const Layer& layer, const std::string& title) {
  Node node;
  node.op = layer.op;
  node.name = title;
  node.expected = layer.rows ? Shape(2, -1) : layer.expected;
  node.window = layer.window;
  node.groups = layer.groups;
  node.activation = layer.activation;
  node.line = layer.line;
  node.count_padding = layer.count_padding;
  node.resize = layer.resize;
  node.size = layer.size;
  node.keep_dims = layer.keep_dims;
  if (layer.weighted()) CopyParameters(layer, node);
  if (layer.op == Op::kScale) {
    node.weight = layer.scale;
    node.bias = layer.shift;
  }
  return node;
}

}  // namespace sparseprune::ort
