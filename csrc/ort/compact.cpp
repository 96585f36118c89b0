#include "ort/compact.h"

#include <algorithm>

#include "ort/refusal.h"

namespace sparseprune::ort {
namespace {

// 4 GB of float32 when a plan unpacks it, several times the largest layers in use. The file bounds
// how many values are kept, but not how large the weight is that they lie in.
constexpr int64_t kMostWeights = int64_t{1} << 30;

bool InRange(const Shape& values, int64_t lowest) {
  return std::all_of(values.begin(), values.end(),
                     [&](int64_t v) { return v >= lowest && v <= kMaxExtent; });
}

Shape Listed(const std::optional<Shape>& values, const char* name, size_t size, int64_t lowest) {
  if (!values) throw Refusal{std::string("no attribute ") + name};
  if (values->size() != size || !InRange(*values, lowest))
    throw Refusal{std::string("unusual ") + name};
  return *values;
}

Shape WeightShape(const CompactAttributes& attributes, Op op) {
  Require(attributes.weight_shape.has_value(), "no attribute weight_shape");
  const size_t rank = attributes.weight_shape->size();
  Require(op == Op::kLinear || rank == 3 || rank == 4,
          "weight_shape of neither a 1-D nor a 2-D convolution");
  const Shape shape =
      Listed(attributes.weight_shape, "weight_shape", op == Op::kLinear ? 2 : rank, 1);
  int64_t count = 1;
  for (int64_t extent : shape) {
    Require(extent <= kMostWeights / count, "its weight is too large");
    count *= extent;
  }
  return shape;
}

// Reads `from` of a window over one or two axes; a signal's is one high.
void ReadWindow(const CompactAttributes& from, const Shape& weight, Window& window) {
  const size_t axes = weight.size() - 2, skipped = 2 - axes;
  const Shape strides = Listed(from.strides, "strides", axes, 1);
  const Shape pads = Listed(from.pads, "pads", 2 * axes, 0);
  const Shape dilations = Listed(from.dilations, "dilations", axes, 1);
  for (size_t i = 0; i < axes; ++i) {
    window.kernel[skipped + i] = weight[2 + i];
    window.stride[skipped + i] = strides[i];
    window.dilation[skipped + i] = dilations[i];
    window.pad_begin[skipped + i] = pads[i];
    window.pad_end[skipped + i] = pads[axes + i];
  }
}

}  // namespace

const CompactOperator* FindCompactOperator(const std::string& domain, const std::string& name) {
  if (domain != kCompactDomain) return nullptr;
  for (const CompactOperator& kind : kCompactOperators)
    if (name == kind.name) return &kind;
  return nullptr;
}

Layer MakeCompactLayer(const CompactOperator& kind, const CompactAttributes& attributes,
                       const CompactConstants& constants) {
  Layer layer;
  layer.op = kind.op;
  Shape& shape = layer.weight.shape = WeightShape(attributes, kind.op);
  if (kind.op == Op::kConv) {
    ReadWindow(attributes, shape, layer.window);
    layer.groups = Listed(attributes.group ? std::optional(Shape{*attributes.group}) : std::nullopt,
                          "group", 1, 1)[0];
    Require(shape[0] % layer.groups == 0, "groups do not divide its outputs");
    if (shape.size() == 3) shape.insert(shape.begin() + 2, 1);
  }
  Require(constants.bias.type == abi::ElementType::kFloat, "bias is not float32");
  Require(constants.bias.shape == Shape{shape[0]}, "bias does not fit its weight");
  layer.bias = constants.bias;
  layer.encoding = Encoding{kind.positions, constants.values, constants.positions};
  CheckEncoding(*layer.encoding, layer.weight.count());
  return layer;
}

}  // namespace sparseprune::ort
