#include "ort/extents.h"

#include <cstdlib>

namespace sparseprune::ort {
namespace {

// No shape that can run has an offset this far from its base, and a window's reach added to it is
// far from overflowing.
constexpr int64_t kMostOffset = kMaxExtent * kMaxExtent;

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Extent ExtentTable::Named(const std::string& symbol) {
  const auto [found, fresh] = names_.emplace(symbol, next_);
  if (fresh) ++next_;
  return {found->second, 0};
}

Extent ExtentTable::Slide(const Extent& input, const Window& window, int axis) {
  if (std::abs(input.offset) > kMostOffset) return Unknown();
  const int64_t stride = window.stride[axis];
  const int64_t reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
  const int64_t shift = input.offset + window.pad_begin[axis] + window.pad_end[axis] - reach;
  const int64_t quotient = FloorDivide(shift, stride);
  if (stride == 1 || input.base == kNumber) return {input.base, quotient + 1};
  // floor((base + shift) / stride) = floor((base + remainder) / stride) + quotient
  const auto key = std::make_tuple(input.base, shift - quotient * stride, stride);
  const auto [found, fresh] = quotients_.emplace(key, next_);
  if (fresh) ++next_;
  return {found->second, quotient + 1};
}

const ExtentShape& ShapeTable::Of(int value) {
  if (known_[value]) return shapes_[value];
  for (const Axis& axis : graph_.values[value].axes) {
    const bool named = !axis.symbol.empty();
    shapes_[value].push_back(axis.extent >= 0 ? ExtentTable::Number(axis.extent)
                             : named          ? extents_.Named(axis.symbol)
                                              : extents_.Unknown());
  }
  known_[value] = true;
  return shapes_[value];
}

ExtentShape ShapeTable::Infer(const Layer& layer) {
  const ExtentShape input = Of(layer.inputs[0]);
  if (layer.alias) return input;
  switch (layer.op) {
    case Op::kActivation:
    case Op::kAdd:
      return input;
    case Op::kConv:
    case Op::kMaxPool:
      return {input[0],
              layer.op == Op::kConv ? ExtentTable::Number(layer.weight.shape[0]) : input[1],
              extents_.Slide(input[2], layer.window, 0), extents_.Slide(input[3], layer.window, 1)};
    case Op::kLinear:
      return {input[0], ExtentTable::Number(layer.weight.shape[layer.transposed ? 1 : 0])};
    case Op::kGlobalAveragePool:
      if (!layer.keep_dims) return {input[0], input[1]};
      return {input[0], input[1], ExtentTable::Number(1), ExtentTable::Number(1)};
    case Op::kFlatten:
      return {input[0], input.size() == 2 ? input[1] : extents_.Unknown()};
  }
  return {};
}

void ShapeTable::Record(const Layer& layer) {
  ExtentShape shape = Infer(layer);
  const std::vector<Axis>& declared = graph_.values[layer.output].axes;
  for (size_t i = 0; i < shape.size() && declared.size() == shape.size(); ++i)
    if (declared[i].extent >= 0) shape[i] = ExtentTable::Number(declared[i].extent);
  shapes_[layer.output] = std::move(shape);
  known_[layer.output] = true;
}

}  // namespace sparseprune::ort
