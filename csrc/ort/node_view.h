// One node together with its graph: the questions that understanding it asks.
#pragma once

#include <initializer_list>
#include <optional>

#include "ort/layer.h"
#include "ort/refusal.h"

namespace sparseprune::ort {

class NodeView {
 public:
  NodeView(const SourceGraph& graph, const SourceNode& node) : graph_(graph), node_(node) {}

  const std::string& op() const { return node_.op; }
  size_t input_count() const { return node_.inputs.size(); }
  int input(size_t index) const { return At(node_.inputs, index); }
  int output() const { return At(node_.outputs, 0); }
  bool has_input(size_t index) const { return input(index) != kAbsent; }
  const std::vector<Axis>& axes(int value) const { return graph_.values[value].axes; }
  // Of the first input.
  const std::vector<Axis>& axes() const { return axes(input(0)); }
  size_t rank() const { return axes().size(); }
  bool IsConstant(size_t index) const;
  // Whether all axes of the first input but the last count rows of features: N x T x F, and rank 4
  // where it is so marked.
  bool reads_rows() const { return rank() == 3 || graph_.values[input(0)].rows; }
  // Where channels or features are: 1 of N x C x H x W, else the last.
  size_t channel_axis() const { return rank() == 4 && !reads_rows() ? 1 : rank() - 1; }

  // These throw Refusal.
  //
  // Unless there is one output, and the first `inputs` inputs are float32 tensors computed at run
  // time of which no declared extent is beyond the engine's: sums of what passed do not overflow.
  void ExpectData(size_t inputs) const;
  // ... and the first has one of these ranks.
  void ExpectData(size_t inputs, std::initializer_list<size_t> ranks) const;
  // ... and one of rank 4 has the channels last, for all that reads it.
  void ExpectRowsOfRank4() const;
  // A constant input, of whichever element type.
  Tensor Constant(size_t index, const char* name) const;
  // An optional constant input; nothing if it is absent.
  std::optional<Tensor> Constant(size_t index, abi::ElementType type, const char* name) const;
  // ... that may not be absent.
  Tensor Parameter(size_t index, abi::ElementType type, const char* name) const;
  // ... that lists integers.
  Shape Integers(size_t index, const char* name) const;
  // An axis counted from the front; `axis` may be negative.
  size_t AxisAt(int64_t axis) const;
  // Those that `axes` lists, counted so and ascending: first an attribute, in later opsets the
  // second input. `missing`: the reason where there are none.
  Shape Axes(const char* missing) const;

  std::optional<int64_t> Int(const char* name) const;
  int64_t Int(const char* name, int64_t otherwise) const { return Int(name).value_or(otherwise); }
  float Float(const char* name, float otherwise) const;
  std::string String(const char* name, const char* otherwise) const;
  std::optional<Shape> Ints(const char* name) const;
  std::optional<std::vector<float>> Floats(const char* name) const;

  // A layer that reads the first `inputs` inputs and writes the first output.
  Layer MakeLayer(Op op, size_t inputs) const;
  Layer MakeAlias() const;

 private:
  static int At(const std::vector<int>& values, size_t index) {
    return index < values.size() ? values[index] : kAbsent;
  }
  void ExpectDataAt(size_t index) const;

  const SourceGraph& graph_;
  const SourceNode& node_;
};

struct CompactOperator;

// Throws Refusal for an input known to be smaller than the window: the CPU provider explains it.
void ExpectFit(const std::vector<Axis>& axes, const Window& window);

// Each understands one family of nodes, or throws Refusal.
Layer UnderstandActivation(const NodeView& node);
Layer UnderstandAdd(const NodeView& node);
Layer UnderstandAffine(const NodeView& node);
Layer UnderstandAveragePool(const NodeView& node);
Layer UnderstandBatchNorm(const NodeView& node);
Layer UnderstandClip(const NodeView& node);
Layer UnderstandCompact(const NodeView& node, const CompactOperator& kind);
Layer UnderstandConcat(const NodeView& node);
Layer UnderstandConv(const NodeView& node);
Layer UnderstandDropout(const NodeView& node);
Layer UnderstandFlatten(const NodeView& node);
Layer UnderstandGemm(const NodeView& node);
Layer UnderstandGlobalAveragePool(const NodeView& node);
Layer UnderstandHardSigmoid(const NodeView& node);
Layer UnderstandIdentity(const NodeView& node);
Layer UnderstandMatMul(const NodeView& node);
Layer UnderstandMaxPool(const NodeView& node);
Layer UnderstandMul(const NodeView& node);
Layer UnderstandReduceMean(const NodeView& node);
Layer UnderstandReshape(const NodeView& node);
Layer UnderstandResize(const NodeView& node);
Layer UnderstandSoftmax(const NodeView& node);
Layer UnderstandSqueeze(const NodeView& node);
Layer UnderstandTranspose(const NodeView& node);
Layer UnderstandUpsample(const NodeView& node);

}  // namespace sparseprune::ort
