#include "engine/gates.h"

#include <algorithm>
#include <utility>

namespace sparseprune {
namespace {

bool IsAll(const std::vector<float>& values, float value) {
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == value; });
}

bool IsAffine(const Node& node, float scale, float shift) {
  if (node.op != Op::kScale || !IsAll(node.weight.Dense(), scale)) return false;
  return node.bias.empty() ? shift == 0 : IsAll(node.bias, shift);
}

class Joiner {
 public:
  explicit Joiner(Graph graph)
      : graph_(std::move(graph)),
        uses_(graph_.value_count),
        maker_(graph_.value_count, -1),
        joined_(graph_.nodes.size()) {
    for (const Node& node : graph_.nodes)
      for (ValueId id : node.inputs) ++uses_[id];
    for (ValueId id : graph_.outputs) ++uses_[id];
  }

  Graph Run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      Node& node = graph_.nodes[i];
      if (node.op == Op::kMultiply) JoinProduct(node);
      if (IsAffine(node, 1.0f / 6.0f, 0)) JoinSixth(node);
      maker_[node.output] = static_cast<int>(i);
    }
    std::vector<Node> nodes;
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      if (!joined_[i]) nodes.push_back(std::move(graph_.nodes[i]));
    graph_.nodes = std::move(nodes);
    return std::move(graph_);
  }

 private:
  // What makes `value`, if it is an `op` that one node reads; or null.
  const Node* Private(ValueId value, Op op) const {
    if (maker_[value] < 0 || uses_[value] != 1) return nullptr;
    const Node& node = graph_.nodes[maker_[value]];
    return node.op == op ? &node : nullptr;
  }

  const Node* PrivateActivation(ValueId value, Activation activation) const {
    const Node* node = Private(value, Op::kActivation);
    return node != nullptr && node->activation == activation ? node : nullptr;
  }

  // Of min(max(x + 3, 0), 6) the shift; or null.
  const Node* ClampedShift(ValueId value) const {
    const Node* clamp = PrivateActivation(value, Activation::kRelu6);
    const Node* shift = clamp != nullptr ? Private(clamp->inputs[0], Op::kScale) : nullptr;
    return shift != nullptr && IsAffine(*shift, 1, 3) ? shift : nullptr;
  }

  // `node` computes an activation of `x` from then on, without what makes `value`.
  void Become(Node& node, Activation activation, const Line& line, ValueId x, ValueId value) {
    for (ValueId id : node.inputs) --uses_[id];
    while (value != x) {
      const Node& between = graph_.nodes[maker_[value]];
      joined_[maker_[value]] = true;
      value = between.inputs[0];
      --uses_[value];
    }
    ++uses_[x];
    node.op = Op::kActivation;
    node.activation = activation;
    node.line = line;
    node.inputs = {x};
    node.weight = {};
    node.bias.clear();
  }

  void JoinProduct(Node& node) {
    for (int i : {0, 1}) {
      const ValueId x = node.inputs[i], value = node.inputs[1 - i];
      const Node* gate = Private(value, Op::kActivation);
      if (gate == nullptr || gate->inputs[0] != x) continue;
      const Line line = gate->line;
      if (gate->activation == Activation::kSigmoid)
        return Become(node, Activation::kSilu, line, x, value);
      if (gate->activation == Activation::kHardSigmoid)
        return Become(node, Activation::kHardSwish, line, x, value);
    }
  }

  // A sixth of the clamp of x + 3, or of its product with x.
  void JoinSixth(Node& node) {
    const ValueId value = node.inputs[0];
    if (const Node* shift = ClampedShift(value))
      return Become(node, Activation::kHardSigmoid, Line{}, shift->inputs[0], value);
    const Node* product = Private(value, Op::kMultiply);
    if (product == nullptr) return;
    for (int i : {0, 1}) {
      const ValueId x = product->inputs[i], clamp = product->inputs[1 - i];
      const Node* shift = ClampedShift(clamp);
      if (shift == nullptr || shift->inputs[0] != x) continue;
      joined_[maker_[value]] = true;
      --uses_[x];
      return Become(node, Activation::kHardSwish, Line{}, x, clamp);
    }
  }

  Graph graph_;
  std::vector<int> uses_, maker_;
  std::vector<bool> joined_;
};

}  // namespace

Graph JoinGates(Graph graph) { return Joiner(std::move(graph)).Run(); }

}  // namespace sparseprune
