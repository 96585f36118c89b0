#include "ort/layer.h"

#include <algorithm>
#include <utility>

#include "ort/compact.h"
#include "ort/node_view.h"
#include "ort/rows.h"

namespace sparseprune::ort {
namespace {

struct Reader {
  const char* op;
  Layer (*understand)(const NodeView& node);
};

constexpr Reader kReaders[] = {
    {"Add", UnderstandAdd},
    {"AveragePool", UnderstandAveragePool},
    {"BatchNormalization", UnderstandBatchNorm},
    {"Clip", UnderstandClip},
    {"Concat", UnderstandConcat},
    {"Conv", UnderstandConv},
    {"Div", UnderstandAffine},
    {"Dropout", UnderstandDropout},
    {"Flatten", UnderstandFlatten},
    {"Gemm", UnderstandGemm},
    {"GlobalAveragePool", UnderstandGlobalAveragePool},
    {"HardSigmoid", UnderstandHardSigmoid},
    {"HardSwish", UnderstandActivation},
    {"Identity", UnderstandIdentity},
    {"MatMul", UnderstandMatMul},
    {"MaxPool", UnderstandMaxPool},
    {"Mul", UnderstandMul},
    {"ReduceMean", UnderstandReduceMean},
    {"Relu", UnderstandActivation},
    {"Reshape", UnderstandReshape},
    {"Resize", UnderstandResize},
    {"Sigmoid", UnderstandActivation},
    {"Softmax", UnderstandSoftmax},
    {"Squeeze", UnderstandSqueeze},
    {"Sub", UnderstandAffine},
    {"Transpose", UnderstandTranspose},
    {"Upsample", UnderstandUpsample},
};

// Sum of two as Add; with the constant of a sum or a product on the right.
SourceNode Simplified(const SourceGraph& graph, SourceNode node) {
  if (node.op == "Sum" && node.inputs.size() == 2) node.op = "Add";
  const bool commutes = node.op == "Add" || node.op == "Mul";
  if (commutes && NodeView(graph, node).IsConstant(0) && node.inputs.size() == 2)
    std::swap(node.inputs[0], node.inputs[1]);
  return node;
}

// Before opset 7 sums and products were broadcast by other rules, and normalisation was for
// training; nor does ONNX Runtime have them.
bool IsAncient(const SourceNode& node) {
  for (const char* op : {"Add", "BatchNormalization", "Div", "Gemm", "Mul", "Sub"})
    if (node.op == op) return node.version < 7;
  return false;
}

bool TouchesRows(const SourceGraph& graph, const SourceNode& node) {
  const auto is_rows = [&](int value) { return value != kAbsent && graph.values[value].rows; };
  return std::any_of(node.inputs.begin(), node.inputs.end(), is_rows) ||
         std::any_of(node.outputs.begin(), node.outputs.end(), is_rows);
}

}  // namespace

Layer Understand(const SourceGraph& graph, const SourceNode& node) {
  if (node.domain.empty() || node.domain == "ai.onnx") {
    const SourceNode simplified = Simplified(graph, node);
    for (const Reader& reader : kReaders)
      if (simplified.op == reader.op) {
        Require(!IsAncient(node), "from before opset 7");
        Require(!TouchesRows(graph, node) || TakesRows(graph, node), "its channels are last");
        return reader.understand(NodeView(graph, simplified));
      }
  }
  if (const CompactOperator* kind = FindCompactOperator(node.domain, node.op))
    return UnderstandCompact(NodeView(graph, node), *kind);
  throw Refusal{"unsupported operation"};
}

double Sparsity(const Layer& layer) {
  const float* values = layer.weight.floats();
  const int64_t count = layer.weight.count();
  const int64_t zeros = layer.encoding ? count - KeptCount(*layer.encoding)
                                       : std::count(values, values + count, 0.0f);
  return static_cast<double>(zeros) / static_cast<double>(count);
}

}  // namespace sparseprune::ort
