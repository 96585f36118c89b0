#include "engine/shapes.h"

namespace sparseprune {
namespace {

// 2^46 floats are 256 TiB: beyond any address space, and far from overflowing int64.
constexpr int64_t kMaxElements = int64_t{1} << 46;

void ExpectRank(const Node& node, const Shape& shape, size_t rank, const char* layout) {
  if (shape.size() != rank)
    Fail(node, std::string("expected an input of shape ") + layout + ", got " + ToString(shape));
}

int64_t OutputExtent(const Node& node, const Shape& input, int axis) {
  const Window& w = node.window;
  const int64_t padded = input[2 + axis] + w.pad_begin[axis] + w.pad_end[axis];
  const int64_t reach = (w.kernel[axis] - 1) * w.dilation[axis] + 1;
  if (reach > padded)
    Fail(node, "its window reaches over " + std::to_string(reach) + " positions, but input " +
                   ToString(input) + " has " + std::to_string(padded) + " with padding");
  return (padded - reach) / w.stride[axis] + 1;
}

Shape WindowShape(const Node& node, const Shape& input) {
  ExpectRank(node, input, 4, "[N, C, H, W]");
  const bool conv = node.op == Op::kConv;
  if (conv && input[1] != node.in_channels)
    Fail(node, "expected " + std::to_string(node.in_channels) + " input channels, got input " +
                   ToString(input));
  return {input[0], conv ? node.out_channels : input[1], OutputExtent(node, input, 0),
          OutputExtent(node, input, 1)};
}

Shape LinearShape(const Node& node, const Shape& input) {
  ExpectRank(node, input, 2, "[N, F]");
  if (input[1] != node.in_channels)
    Fail(node, "expected " + std::to_string(node.in_channels) + " input features, got input " +
                   ToString(input));
  return {input[0], node.out_channels};
}

Shape PooledShape(const Node& node, const Shape& input) {
  ExpectRank(node, input, 4, "[N, C, H, W]");
  if (node.keep_dims) return {input[0], input[1], 1, 1};
  return {input[0], input[1]};
}

Shape FlatShape(const Node& node, const Shape& input) {
  if (input.size() == 2) return input;
  ExpectRank(node, input, 4, "[N, C, H, W]");
  return {input[0], input[1] * input[2] * input[3]};
}

Shape SumShape(const Node& node, const Shape& a, const Shape& b) {
  if (a != b)
    Fail(node, "expected inputs of one shape, got " + ToString(a) + " and " + ToString(b));
  return a;
}

Shape OutputShape(const Node& node, const std::vector<Shape>& shapes) {
  const Shape& input = shapes[node.inputs[0]];
  switch (node.op) {
    case Op::kConv:
    case Op::kMaxPool:
      return WindowShape(node, input);
    case Op::kLinear:
      return LinearShape(node, input);
    case Op::kAdd:
      return SumShape(node, input, shapes[node.inputs[1]]);
    case Op::kActivation:
      return input;
    case Op::kGlobalAveragePool:
      return PooledShape(node, input);
    case Op::kFlatten:
      return FlatShape(node, input);
  }
  Fail(node, "unknown operation");
}

// The batch may be empty; every other extent is at least one.
void CheckInput(size_t index, const Shape& shape) {
  bool fits = shape.size() == 2 || shape.size() == 4;
  for (size_t axis = 0; fits && axis < shape.size(); ++axis)
    fits = shape[axis] >= (axis == 0 ? 0 : 1) && shape[axis] <= kMaxExtent;
  if (!fits)
    throw InvalidGraph("input " + std::to_string(index) +
                       ": expected a shape [N, C, H, W] or [N, F], got " + ToString(shape));
  ElementCount(shape);
}

}  // namespace

void Fail(const Node& node, const std::string& what) {
  throw InvalidGraph("node '" + node.name + "': " + what);
}

std::string ToString(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

int64_t ElementCount(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && count > kMaxElements / extent))
      throw InvalidGraph("shape " + ToString(shape) + " is too large");
    count *= extent;
  }
  return count;
}

std::vector<Shape> InferShapes(const Graph& graph, const std::vector<Shape>& inputs) {
  if (inputs.size() != graph.inputs.size())
    throw InvalidGraph("expected " + std::to_string(graph.inputs.size()) + " inputs, got " +
                       std::to_string(inputs.size()));
  std::vector<Shape> shapes(graph.value_count);
  for (size_t i = 0; i < inputs.size(); ++i) {
    CheckInput(i, inputs[i]);
    shapes[graph.inputs[i]] = inputs[i];
  }
  for (const Node& node : graph.nodes) {
    Shape shape = OutputShape(node, shapes);
    ElementCount(shape);
    shapes[node.output] = std::move(shape);
  }
  return shapes;
}

}  // namespace sparseprune
