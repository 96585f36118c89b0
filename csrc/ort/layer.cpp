#include "ort/layer.h"

#include <algorithm>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

bool IsMapOrVector(const NodeView& node, int value) {
  return node.rank(value) == 4 || node.rank(value) == 2;
}

std::optional<Layer> UnderstandRelu(const NodeView& node) {
  if (!node.Computes(1) || !IsMapOrVector(node, node.input(0))) return std::nullopt;
  Layer layer = node.MakeLayer(Op::kActivation, 1);
  layer.activation = Activation::kRelu;
  return layer;
}

// Whether the shapes agree is for the whole graph to say: see extents.h.
std::optional<Layer> UnderstandAdd(const NodeView& node) {
  if (!node.Computes(2) || !IsMapOrVector(node, node.input(0))) return std::nullopt;
  return node.MakeLayer(Op::kAdd, 2);
}

std::optional<Layer> UnderstandIdentity(const NodeView& node) {
  if (!node.Computes(1) || !IsMapOrVector(node, node.input(0))) return std::nullopt;
  Layer layer = node.MakeLayer(Op::kActivation, 1);
  layer.alias = true;
  return layer;
}

std::optional<Layer> UnderstandGlobalAveragePool(const NodeView& node) {
  if (!node.Computes(1) || node.rank(node.input(0)) != 4) return std::nullopt;
  return node.MakeLayer(Op::kGlobalAveragePool, 1);
}

// The axes are an attribute before opset 18, an input from then on.
std::optional<Shape> ReducedAxes(const NodeView& node) {
  if (!node.has_input(1)) return node.Ints("axes");
  const std::optional<Tensor> axes = node.Constant(1, abi::ElementType::kInt64);
  if (!axes || axes->shape.size() != 1) return std::nullopt;
  return Shape(axes->integers(), axes->integers() + axes->count());
}

std::optional<Layer> UnderstandReduceMean(const NodeView& node) {
  if (!node.Computes(1) || node.rank(node.input(0)) != 4) return std::nullopt;
  std::optional<Shape> axes = ReducedAxes(node);
  if (!axes) return std::nullopt;
  for (int64_t& axis : *axes) axis += axis < 0 ? 4 : 0;
  std::sort(axes->begin(), axes->end());
  if (*axes != Shape{2, 3}) return std::nullopt;
  Layer layer = node.MakeLayer(Op::kGlobalAveragePool, 1);
  layer.keep_dims = node.Int("keepdims", 1) != 0;
  return layer;
}

std::optional<Layer> UnderstandFlatten(const NodeView& node) {
  if (!node.Computes(1) || !IsMapOrVector(node, node.input(0))) return std::nullopt;
  const int64_t axis = node.Int("axis", 1);
  const int64_t rank = static_cast<int64_t>(node.rank(node.input(0)));
  if (axis != 1 && axis != 1 - rank) return std::nullopt;
  return node.MakeLayer(Op::kFlatten, 1);
}

// The product of all extents but the batch, or -1 where one is not known.
int64_t Features(const std::vector<Axis>& axes) {
  int64_t product = 1;
  for (size_t i = 1; i < axes.size(); ++i) {
    const int64_t extent = axes[i].extent;
    if (extent < 1 || product > INT64_MAX / extent) return -1;
    product *= extent;
  }
  return product;
}

// Does reshaping to `target` keep the batch and merge the rest, whatever the input holds?
bool IsFlattening(const std::vector<Axis>& axes, const Shape& target) {
  if (target.size() != 2) return false;
  const int64_t features = Features(axes);
  const bool merges = features > 0 && target[1] == features;
  if (target[0] == -1) return merges;
  const bool keeps = target[0] == 0 || (target[0] > 0 && target[0] == axes[0].extent);
  return keeps && (target[1] == -1 || merges);
}

std::optional<Layer> UnderstandReshape(const NodeView& node) {
  if (!node.Computes(1) || !IsMapOrVector(node, node.input(0))) return std::nullopt;
  const std::optional<Tensor> target = node.Constant(1, abi::ElementType::kInt64);
  if (!target || target->shape.size() != 1) return std::nullopt;
  const Shape shape(target->integers(), target->integers() + target->count());
  // Without a zero in it the shape means the same whether zeros are allowed or not.
  const bool zero = std::find(shape.begin(), shape.end(), 0) != shape.end();
  if (zero && node.Int("allowzero", 0) != 0) return std::nullopt;
  if (!IsFlattening(node.axes(node.input(0)), shape)) return std::nullopt;
  return node.MakeLayer(Op::kFlatten, 1);
}

struct Reader {
  const char* op;
  std::optional<Layer> (*understand)(const NodeView& node);
};

constexpr Reader kReaders[] = {
    {"Conv", UnderstandConv},
    {"Gemm", UnderstandGemm},
    {"MatMul", UnderstandMatMul},
    {"Relu", UnderstandRelu},
    {"Add", UnderstandAdd},
    {"MaxPool", UnderstandMaxPool},
    {"GlobalAveragePool", UnderstandGlobalAveragePool},
    {"ReduceMean", UnderstandReduceMean},
    {"Flatten", UnderstandFlatten},
    {"Reshape", UnderstandReshape},
    {"Identity", UnderstandIdentity},
};

}  // namespace

std::optional<Layer> Understand(const SourceGraph& graph, const SourceNode& node) {
  if (!node.domain.empty() && node.domain != "ai.onnx") return std::nullopt;
  for (const Reader& reader : kReaders)
    if (node.op == reader.op) return reader.understand(NodeView(graph, node));
  return std::nullopt;
}

double Sparsity(const Layer& layer) {
  const float* values = layer.weight.floats();
  const int64_t count = layer.weight.count();
  return static_cast<double>(std::count(values, values + count, 0.0f)) / static_cast<double>(count);
}

}  // namespace sparseprune::ort
