#include <string>

#include "engine/shapes.h"

namespace sparseprune {
namespace {

bool IsLayer(Op op) { return op == Op::kConv || op == Op::kLinear; }

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
    if (node.op != Op::kMaxPool) continue;
    if (w.dilation[axis] != 1) Fail(node, "max pooling supports dilation 1 only");
    // A window of nothing but padding has no maximum.
    if (w.pad_begin[axis] >= w.kernel[axis] || w.pad_end[axis] >= w.kernel[axis])
      Fail(node, "max pooling needs a padding smaller than its kernel");
  }
}

Shape WeightShape(const Node& node) {
  if (node.op == Op::kLinear) return {node.out_channels, node.in_channels};
  return {node.out_channels, node.in_channels, node.window.kernel[0], node.window.kernel[1]};
}

void CheckParameters(const Node& node) {
  CheckExtent(node, "out_channels", node.out_channels, 1);
  CheckExtent(node, "in_channels", node.in_channels, 1);
  const Shape shape = WeightShape(node);
  const uint64_t expected = static_cast<uint64_t>(ElementCount(shape));
  if (node.weight.size() != expected)
    Fail(node, "expected a weight of shape " + ToString(shape) + ", got " +
                   std::to_string(node.weight.size()) + " values");
  if (!node.bias.empty() && node.bias.size() != static_cast<uint64_t>(node.out_channels))
    Fail(node, "expected a bias of " + std::to_string(node.out_channels) + " values, got " +
                   std::to_string(node.bias.size()));
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

void CheckNode(const Node& node, Definitions& values) {
  const size_t arity = node.op == Op::kAdd ? 2 : 1;
  if (node.inputs.size() != arity)
    Fail(node, "expected " + std::to_string(arity) + " inputs, got " +
                   std::to_string(node.inputs.size()));
  for (ValueId id : node.inputs)
    if (!values.Has(id)) Fail(node, "reads value " + std::to_string(id) + " before it is made");
  if (!values.Define(node.output))
    Fail(node, "cannot write value " + std::to_string(node.output) +
                   ": it is out of range or made twice");
  if (node.op == Op::kConv || node.op == Op::kMaxPool) CheckWindow(node);
  if (IsLayer(node.op)) CheckParameters(node);
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
}

}  // namespace sparseprune
