#include <string>

#include "engine/shapes.h"

namespace sparseprune {
namespace {

void CheckExtent(const Node& node, const char* what, int64_t value, int64_t lowest) {
  if (value < lowest || value > kMaxExtent)
    Fail(node, std::string(what) + " must lie in " + std::to_string(lowest) + " .. " +
                   std::to_string(kMaxExtent) + ", got " + std::to_string(value));
}

void CheckWindow(const Node& node) {
  const Window& w = node.window;
  for (int axis = 0; axis < 2; ++axis) {
    CheckExtent(node, "kernel size", w.kernel[axis], 1);
    CheckExtent(node, "stride", w.stride[axis], 1);
    CheckExtent(node, "dilation", w.dilation[axis], 1);
    CheckExtent(node, "padding", w.pad_begin[axis], 0);
    CheckExtent(node, "padding", w.pad_end[axis], 0);
    if (node.op == Op::kConv) continue;
    if (w.dilation[axis] != 1) Fail(node, "pooling supports dilation 1 only");
    // A window of nothing but padding has neither a maximum nor a mean.
    if (w.pad_begin[axis] >= w.kernel[axis] || w.pad_end[axis] >= w.kernel[axis])
      Fail(node, "pooling needs a padding smaller than its kernel");
  }
}

Shape WeightShape(const Node& node) {
  if (node.op == Op::kLinear) return {node.out_channels, node.in_channels};
  return {node.out_channels, node.in_channels / node.groups, node.window.kernel[0],
          node.window.kernel[1]};
}

void CheckGroups(const Node& node) {
  CheckExtent(node, "groups", node.groups, 1);
  if (node.in_channels % node.groups != 0 || node.out_channels % node.groups != 0)
    Fail(node, std::to_string(node.groups) + " groups must divide " +
                   std::to_string(node.in_channels) + " input channels and " +
                   std::to_string(node.out_channels) + " output channels");
}

void CheckBias(const Node& node, uint64_t channels) {
  if (!node.bias.empty() && node.bias.size() != channels)
    Fail(node, "expected a bias of " + std::to_string(channels) + " values, got " +
                   std::to_string(node.bias.size()));
}

void CheckParameters(const Node& node) {
  CheckExtent(node, "out_channels", node.out_channels, 1);
  CheckExtent(node, "in_channels", node.in_channels, 1);
  if (node.op == Op::kConv) CheckGroups(node);
  const Shape shape = WeightShape(node);
  const uint64_t expected = static_cast<uint64_t>(ElementCount(shape));
  if (node.weight.size() != expected)
    Fail(node, "expected a weight of shape " + ToString(shape) + ", got " +
                   std::to_string(node.weight.size()) + " values");
  CheckBias(node, static_cast<uint64_t>(node.out_channels));
}

// Which values exist so far; each is written once, before it is read.
class Definitions {
 public:
  explicit Definitions(int count) : defined_(count > 0 ? count : 0) {}

  bool Has(ValueId id) const { return InRange(id) && defined_[id]; }
  bool Define(ValueId id) {
    if (!InRange(id) || defined_[id]) return false;
    defined_[id] = true;
    return true;
  }

 private:
  bool InRange(ValueId id) const { return id >= 0 && id < static_cast<int>(defined_.size()); }
  std::vector<bool> defined_;
};

void CheckArity(const Node& node) {
  const size_t found = node.inputs.size(),
               arity = node.op == Op::kAdd || node.op == Op::kMultiply ? 2 : 1;
  const bool any = node.op == Op::kConcat;
  if (found == arity || (any && found > 0)) return;
  Fail(node, std::string("expected ") + (any ? "at least " : "") + std::to_string(arity) +
                 (arity == 1 ? " input" : " inputs") + ", got " + std::to_string(found));
}

void CheckAttributes(const Node& node) {
  switch (node.op) {
    case Op::kConv:
      CheckWindow(node);
      return CheckParameters(node);
    case Op::kLinear:
      return CheckParameters(node);
    case Op::kMaxPool:
    case Op::kAveragePool:
      return CheckWindow(node);
    case Op::kScale:
      return CheckBias(node, node.weight.size());
    case Op::kResize:
      CheckExtent(node, "output height", node.size[0], 1);
      return CheckExtent(node, "output width", node.size[1], 1);
    default:
      return;
  }
}

void CheckNode(const Node& node, Definitions& values) {
  CheckArity(node);
  for (ValueId id : node.inputs)
    if (!values.Has(id)) Fail(node, "reads value " + std::to_string(id) + " before it is made");
  if (!values.Define(node.output))
    Fail(node, "cannot write value " + std::to_string(node.output) +
                   ": it is out of range or made twice");
  CheckAttributes(node);
}

void CheckFlags(const char* what, size_t flags, size_t values) {
  if (flags > values)
    throw InvalidGraph("expected channels-last flags for " + std::to_string(values) + " graph " +
                       what + ", got " + std::to_string(flags));
}

}  // namespace

void Validate(const Graph& graph) {
  Definitions values(graph.value_count);
  for (ValueId id : graph.inputs)
    if (!values.Define(id))
      throw InvalidGraph("graph input " + std::to_string(id) + " is out of range or repeated");
  for (const Node& node : graph.nodes) CheckNode(node, values);
  for (ValueId id : graph.outputs)
    if (!values.Has(id)) throw InvalidGraph("graph output " + std::to_string(id) + " is not made");
  if (graph.inputs.empty()) throw InvalidGraph("the graph has no inputs");
  if (graph.outputs.empty()) throw InvalidGraph("the graph has no outputs");
  CheckFlags("inputs", graph.channels_last_inputs.size(), graph.inputs.size());
  CheckFlags("outputs", graph.channels_last_outputs.size(), graph.outputs.size());
}

}  // namespace sparseprune
