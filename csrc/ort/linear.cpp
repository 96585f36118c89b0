// Matrix products with a constant right side: y = x W^T + b.
#include <cmath>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

Layer UnderstandProduct(const NodeView& node, bool transposed) {
  const Tensor weight = node.Parameter(1, abi::ElementType::kFloat, "weight");
  Require(weight.shape.size() == 2, "weight is not a matrix");
  Require(weight.count() > 0, "weight is empty");
  const int64_t features = node.axes().back().extent;
  Require(features < 0 || features == weight.shape[transposed ? 0 : 1],
          "weight does not fit its input");
  Layer layer = node.MakeLayer(Op::kLinear, 1);
  layer.weight = weight;
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

// The rows of a batch of token sequences, N x T x F, are as good as N T rows; those of rank 4 too.
Layer UnderstandMatMul(const NodeView& node) {
  node.ExpectData(1, {2, 3, 4});
  const Layer layer = UnderstandProduct(node, true);
  node.ExpectRowsOfRank4();
  return layer;
}

Layer UnderstandGemm(const NodeView& node) {
  node.ExpectData(1, {2});
  Require(node.Int("transA", 0) == 0, "transposed input");
  Layer layer = UnderstandProduct(node, node.Int("transB", 0) == 0);
  layer.weight_scale = node.Float("alpha", 1);
  layer.bias_scale = node.Float("beta", 1);
  Require(IsScale(layer.weight_scale) && IsScale(layer.bias_scale), "alpha or beta is no scale");
  if (!node.has_input(2)) return layer;
  layer.bias = node.Parameter(2, abi::ElementType::kFloat, "bias");
  Require(IsBias(layer.bias, layer.outputs()), "bias is not a row");
  return layer;
}

}  // namespace sparseprune::ort
