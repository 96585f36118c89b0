// Matrix products with a constant right side: y = x W^T + b.
#include <cmath>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

std::optional<Layer> UnderstandProduct(const NodeView& node, bool transposed) {
  if (!node.Computes(1) || node.rank(node.input(0)) != 2) return std::nullopt;
  const std::optional<Tensor> weight = node.Constant(1, abi::ElementType::kFloat);
  if (!weight || weight->shape.size() != 2 || weight->count() == 0) return std::nullopt;
  const int64_t features = node.axes(node.input(0))[1].extent;
  if (features >= 0 && features != weight->shape[transposed ? 0 : 1]) return std::nullopt;
  Layer layer = node.MakeLayer(Op::kLinear, 1);
  layer.weight = *weight;
  layer.transposed = transposed;
  return layer;
}

// One value per output, or one for all: no shape that depends on the batch.
bool IsBias(const Tensor& bias, int64_t outputs) {
  const bool row = bias.shape.size() <= 1 || (bias.shape.size() == 2 && bias.shape[0] == 1);
  return row && (bias.count() == 1 || bias.shape.back() == outputs);
}

bool IsScale(float scale) { return std::isfinite(scale) && scale != 0; }

}  // namespace

std::optional<Layer> UnderstandMatMul(const NodeView& node) {
  return UnderstandProduct(node, true);
}

std::optional<Layer> UnderstandGemm(const NodeView& node) {
  if (node.Int("transA", 0) != 0) return std::nullopt;
  std::optional<Layer> layer = UnderstandProduct(node, node.Int("transB", 0) == 0);
  if (!layer) return std::nullopt;
  layer->weight_scale = node.Float("alpha", 1);
  layer->bias_scale = node.Float("beta", 1);
  if (!IsScale(layer->weight_scale) || !IsScale(layer->bias_scale)) return std::nullopt;
  if (!node.has_input(2)) return layer;
  const std::optional<Tensor> bias = node.Constant(2, abi::ElementType::kFloat);
  const int64_t outputs = layer->weight.shape[layer->transposed ? 1 : 0];
  if (!bias || !IsBias(*bias, outputs)) return std::nullopt;
  layer->bias = *bias;
  return layer;
}

}  // namespace sparseprune::ort
