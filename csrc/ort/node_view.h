// One node together with its graph: the questions that understanding it asks.
#pragma once

#include "ort/layer.h"

namespace sparseprune::ort {

class NodeView {
 public:
  NodeView(const SourceGraph& graph, const SourceNode& node) : graph_(graph), node_(node) {}

  int input(size_t index) const { return At(node_.inputs, index); }
  bool has_input(size_t index) const { return input(index) != kAbsent; }
  const std::vector<Axis>& axes(int value) const { return graph_.values[value].axes; }
  size_t rank(int value) const { return axes(value).size(); }

  // True for one output and `inputs` inputs that are data (below).
  bool Computes(size_t inputs) const;
  // True if `value` is a float32 tensor computed at run time, and no extent the model declares is
  // beyond what the engine takes: sums of what passed this do not overflow.
  bool IsData(int value) const;
  // A constant input of this element type; nothing if it is absent or something else.
  std::optional<Tensor> Constant(size_t index, abi::ElementType type) const;

  int64_t Int(const char* name, int64_t otherwise) const;
  float Float(const char* name, float otherwise) const;
  std::string String(const char* name, const char* otherwise) const;
  std::optional<Shape> Ints(const char* name) const;

  // A layer that reads the first `inputs` inputs and writes the first output.
  Layer MakeLayer(Op op, size_t inputs) const;

 private:
  static int At(const std::vector<int>& values, size_t index) {
    return index < values.size() ? values[index] : kAbsent;
  }

  const SourceGraph& graph_;
  const SourceNode& node_;
};

// Each understands one family of nodes.
std::optional<Layer> UnderstandConv(const NodeView& node);
std::optional<Layer> UnderstandMaxPool(const NodeView& node);
std::optional<Layer> UnderstandGemm(const NodeView& node);
std::optional<Layer> UnderstandMatMul(const NodeView& node);

}  // namespace sparseprune::ort
