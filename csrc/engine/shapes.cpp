#include "engine/shapes.h"

#include <algorithm>

namespace sparseprune {
namespace {

// 2^46 floats are 256 TiB: beyond any address space, and far from overflowing int64.
constexpr int64_t kMaxElements = int64_t{1} << 46;

// Of an empty batch, too, one image must be within reach.
void CheckSize(Shape shape) {
  shape[0] = std::max<int64_t>(shape[0], 1);
  ElementCount(shape);
}

void ExpectRank(const Node& node, const Shape& shape, size_t rank, const char* layout) {
  if (shape.size() != rank)
    Fail(node, std::string("expected an input of shape ") + layout + ", got " + ToString(shape));
}

int64_t OutputExtent(const Node& node, const Shape& input, int axis) {
  const Window& w = node.window;
  const int64_t padded = input[2 + axis] + w.pad_begin[axis] + w.pad_end[axis];
  const int64_t reach = w.Reach(axis);
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

Shape ScaledShape(const Node& node, const Shape& input) {
  if (static_cast<uint64_t>(input[1]) != node.weight.size())
    Fail(node, "expected " + std::to_string(node.weight.size()) + " channels, got input " +
                   ToString(input));
  return input;
}

Shape ConcatShape(const Node& node, const std::vector<Shape>& shapes) {
  const Shape& first = shapes[node.inputs[0]];
  Shape joined = first;
  joined[1] = 0;
  for (ValueId id : node.inputs) {
    Shape next = shapes[id];
    joined[1] += next[1];
    CheckSize(joined);
    next[1] = first[1];
    if (next != first)
      Fail(node, "expected inputs that differ in their channels only, got " + ToString(first) +
                     " and " + ToString(shapes[id]));
  }
  return joined;
}

Shape ResizedShape(const Node& node, const Shape& input) {
  ExpectRank(node, input, 4, "[N, C, H, W]");
  return {input[0], input[1], node.size[0], node.size[1]};
}

void CheckExpected(const Node& node, const Shape& input) {
  const bool fits = std::equal(node.expected.begin(), node.expected.end(), input.begin(),
                               input.end(), [](int64_t e, int64_t i) { return e < 0 || e == i; });
  if (!fits && !node.expected.empty())
    Fail(node, "expected an input of shape " + ToString(node.expected) +
                   ", where -1 is any extent, got " + ToString(input));
}

Shape OutputShape(const Node& node, const std::vector<Shape>& shapes) {
  const Shape& input = shapes[node.inputs[0]];
  CheckExpected(node, input);
  switch (node.op) {
    case Op::kConv:
    case Op::kMaxPool:
    case Op::kAveragePool:
      return WindowShape(node, input);
    case Op::kLinear:
      return LinearShape(node, input);
    case Op::kAdd:
      return SumShape(node, input, shapes[node.inputs[1]]);
    case Op::kActivation:
      return input;
    case Op::kScale:
      return ScaledShape(node, input);
    case Op::kConcat:
      return ConcatShape(node, shapes);
    case Op::kResize:
      return ResizedShape(node, input);
    case Op::kSoftmax:
      ExpectRank(node, input, 2, "[N, F]");
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
  CheckSize(shape);
}

void ExpectMap(const char* what, size_t index, const Shape& shape) {
  if (shape.size() != 4)
    throw InvalidGraph(std::string(what) + " " + std::to_string(index) +
                       ": only a map can have its channels last, got " + ToString(shape));
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
    Shape& shape = shapes[graph.inputs[i]] = inputs[i];
    if (!IsSet(graph.channels_last_inputs, i)) continue;
    ExpectMap("input", i, shape);
    std::rotate(shape.begin() + 1, shape.end() - 1, shape.end());
  }
  for (const Node& node : graph.nodes) {
    Shape shape = OutputShape(node, shapes);
    CheckSize(shape);
    shapes[node.output] = std::move(shape);
  }
  for (size_t i = 0; i < graph.outputs.size(); ++i)
    if (IsSet(graph.channels_last_outputs, i)) ExpectMap("output", i, shapes[graph.outputs[i]]);
  return shapes;
}

std::vector<Shape> OutputShapes(const Graph& graph, const std::vector<Shape>& shapes) {
  std::vector<Shape> outputs;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    outputs.push_back(shapes[graph.outputs[i]]);
    Shape& shape = outputs.back();
    if (IsSet(graph.channels_last_outputs, i))
      std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
  }
  return outputs;
}

}  // namespace sparseprune
