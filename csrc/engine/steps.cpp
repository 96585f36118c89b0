#include "engine/steps.h"

#include <utility>

namespace sparseprune {
namespace {

class Fuser {
 public:
  Fuser(const Graph& graph, const std::vector<Shape>& shapes)
      : shapes_(shapes), uses_(graph.value_count), maker_(graph.value_count, -1) {
    for (const Node& node : graph.nodes)
      for (ValueId id : node.inputs) ++uses_[id];
    for (ValueId id : graph.outputs) ++uses_[id];
    for (const Node& node : graph.nodes) Take(node);
  }

  std::vector<Step> steps;

 private:
  void Take(const Node& node) {
    if (node.op == Op::kActivation && JoinActivation(node)) return;
    if (node.op == Op::kAdd && JoinSum(node)) return;
    if (node.op == Op::kScale && JoinScale(node)) return;
    Step step{node.op, &node, node.inputs[0], -1, node.output, nullptr, node.activation, node.line};
    if (step.Joins()) step.other = node.inputs[1];
    // The map comes before what multiplies whole channels of it.
    if (step.Joins() && shapes_[step.input] != shapes_[step.output])
      std::swap(step.input, step.other);
    if (node.op == Op::kScale) step.scale = &node;
    maker_[node.output] = static_cast<int>(steps.size());
    steps.push_back(step);
  }

  // The step that makes `value`, if nobody else reads it.
  Step* Private(ValueId value) {
    return maker_[value] >= 0 && uses_[value] == 1 ? &steps[maker_[value]] : nullptr;
  }

  void Redirect(Step& step, ValueId output) {
    maker_[output] = maker_[step.output];
    step.output = output;
  }

  bool JoinActivation(const Node& node) {
    Step* step = Private(node.inputs[0]);
    if (step == nullptr || step->activation != Activation::kNone) return false;
    if (step->op != Op::kConv && step->op != Op::kLinear && !step->Elementwise()) return false;
    step->activation = node.activation;
    step->line = node.line;
    Redirect(*step, node.output);
    return true;
  }

  bool JoinScale(const Node& node) {
    Step* step = Private(node.inputs[0]);
    if (step == nullptr || !step->Joins() || step->scale != nullptr ||
        step->activation != Activation::kNone)
      return false;
    step->scale = &node;
    Redirect(*step, node.output);
    return true;
  }

  // Into the later of the two layers, when the other operand is already there.
  bool JoinSum(const Node& node) {
    ValueId layer = node.inputs[0], residual = node.inputs[1];
    if (maker_[layer] < maker_[residual]) std::swap(layer, residual);
    Step* step = Private(layer);
    if (step == nullptr || step->op != Op::kConv || step->activation != Activation::kNone ||
        step->other >= 0)
      return false;
    step->other = residual;
    Redirect(*step, node.output);
    return true;
  }

  const std::vector<Shape>& shapes_;
  std::vector<int> uses_, maker_;
};

}  // namespace

std::vector<Step> FuseSteps(const Graph& graph, const std::vector<Shape>& shapes) {
  return Fuser(graph, shapes).steps;
}

}  // namespace sparseprune
