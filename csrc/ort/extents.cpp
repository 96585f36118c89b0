#include "ort/extents.h"

#include <cstdlib>

#include "engine/arithmetic.h"

namespace sparseprune::ort {
namespace {

// No shape that can run has an offset this far from its base, and a window's reach added to it is
// far from overflowing.
constexpr int64_t kMostOffset = kMaxExtent * kMaxExtent;

// 1 of N x C x H x W, else the last.
size_t ChannelAxis(const Layer& layer, const ExtentShape& shape) {
  return shape.size() == 4 && !layer.rows ? 1 : shape.size() - 1;
}

}  // namespace

Extent ExtentTable::Named(const std::string& symbol) {
  const auto [found, fresh] = names_.emplace(symbol, next_);
  if (fresh) ++next_;
  return {found->second, 0};
}

Extent ExtentTable::Slide(const Extent& input, const Window& window, int axis) {
  if (std::abs(input.offset) > kMostOffset) return Unknown();
  const int64_t stride = window.stride[axis];
  const int64_t shift =
      input.offset + window.pad_begin[axis] + window.pad_end[axis] - window.Reach(axis);
  const int64_t quotient = FloorDiv(shift, stride);
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

int ShapeTable::Multiplied(const Layer& layer) {
  const ExtentShape a = Of(layer.inputs[0]), b = Of(layer.inputs[1]);
  const Extent one = ExtentTable::Number(1);
  const auto is_gate = [&](const ExtentShape& gate, const ExtentShape& of) {
    return of.size() == 4 && !layer.rows && gate == ExtentShape{of[0], of[1], one, one};
  };
  if (a == b || is_gate(b, a)) return layer.inputs[0];
  return is_gate(a, b) ? layer.inputs[1] : kAbsent;
}

bool ShapeTable::Agree(const Layer& layer) {
  if (layer.op == Op::kMultiply) return Multiplied(layer) != kAbsent;
  const ExtentShape first = Of(layer.inputs[0]);
  for (int value : layer.inputs) {
    ExtentShape shape = Of(value);
    if (shape.size() != first.size()) return false;
    if (layer.op == Op::kConcat)
      shape[ChannelAxis(layer, shape)] = first[ChannelAxis(layer, first)];
    if (!(shape == first)) return false;
  }
  return true;
}

Extent ShapeTable::JoinedChannels(const Layer& layer) {
  Extent sum = ExtentTable::Number(0);
  for (int value : layer.inputs) {
    const ExtentShape& shape = Of(value);
    const Extent& channels = shape[ChannelAxis(layer, shape)];
    if (channels.base != ExtentTable::kNumber) return extents_.Unknown();
    sum.offset += channels.offset;
  }
  return sum;
}

ExtentShape ShapeTable::Infer(const Layer& layer) {
  ExtentShape shape = Of(layer.inputs[0]);
  if (layer.transpose == Transpose::kFromChannelsLast)
    return {shape[0], shape[3], shape[1], shape[2]};
  if (layer.transpose == Transpose::kToChannelsLast)
    return {shape[0], shape[2], shape[3], shape[1]};
  if (layer.alias) return shape;
  Extent& channels = shape[ChannelAxis(layer, shape)];
  switch (layer.op) {
    case Op::kActivation:
    case Op::kAdd:
    case Op::kScale:
    case Op::kSoftmax:
      return shape;
    case Op::kMultiply:
      return Of(Multiplied(layer));
    case Op::kConv:
      channels = ExtentTable::Number(layer.outputs());
      [[fallthrough]];
    case Op::kMaxPool:
    case Op::kAveragePool:
      for (int axis : {0, 1}) shape[2 + axis] = extents_.Slide(shape[2 + axis], layer.window, axis);
      return shape;
    case Op::kLinear:
      channels = ExtentTable::Number(layer.outputs());
      return shape;
    case Op::kConcat:
      channels = JoinedChannels(layer);
      return shape;
    case Op::kResize:
      for (int axis : {0, 1}) shape[2 + axis] = ExtentTable::Number(layer.size[axis]);
      return shape;
    case Op::kGlobalAveragePool:
      if (!layer.keep_dims) return {shape[0], shape[1]};
      return {shape[0], shape[1], ExtentTable::Number(1), ExtentTable::Number(1)};
    case Op::kFlatten:
      return {shape[0], shape.size() == 2 ? shape[1] : extents_.Unknown()};
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
