#include "ort/rows.h"

#include <algorithm>
#include <string_view>

#include "ort/compact.h"
#include "ort/components.h"

namespace sparseprune::ort {
namespace {

constexpr std::string_view kPointwise[] = {"Add",         "Clip",      "Div",      "Dropout",
                                           "HardSigmoid", "HardSwish", "Identity", "Mul",
                                           "Relu",        "Sigmoid",   "Sub",      "Sum"};
constexpr std::string_view kOfMaps[] = {
    "AveragePool", "BatchNormalization", "Conv", "GlobalAveragePool", "MaxPool", "Resize",
    "Upsample"};

template <size_t kCount>
bool IsOneOf(const std::string_view (&names)[kCount], const SourceNode& node) {
  const bool standard = node.domain.empty() || node.domain == "ai.onnx";
  return standard && std::find(std::begin(names), std::end(names), node.op) != std::end(names);
}

// By a matrix that is the same for all rows.
bool IsProduct(const SourceGraph& graph, const SourceNode& node) {
  if (const CompactOperator* kind = FindCompactOperator(node.domain, node.op))
    return kind->op == Op::kLinear;
  if (!(node.domain.empty() || node.domain == "ai.onnx") || node.op != "MatMul") return false;
  if (node.inputs.size() != 2 || node.inputs[1] == kAbsent) return false;
  const SourceValue& weight = graph.values[node.inputs[1]];
  return weight.constant && weight.axes.size() == 2;
}

bool IsOfMaps(const SourceNode& node) {
  const CompactOperator* kind = FindCompactOperator(node.domain, node.op);
  return kind != nullptr ? kind->op == Op::kConv : IsOneOf(kOfMaps, node);
}

// What `node` reads and makes that could be rows or a map.
std::vector<int> Ambiguous(const SourceGraph& graph, const SourceNode& node) {
  std::vector<int> found;
  for (const std::vector<int>* values : {&node.inputs, &node.outputs})
    for (int value : *values)
      if (value != kAbsent && !graph.values[value].constant && graph.values[value].axes.size() == 4)
        found.push_back(value);
  return found;
}

}  // namespace

bool TakesRows(const SourceGraph& graph, const SourceNode& node) {
  return IsOneOf(kPointwise, node) || IsProduct(graph, node);
}

void MarkRows(SourceGraph& graph) {
  Components components(graph.values.size());
  std::vector<int> rows, maps;
  for (const SourceNode& node : graph.nodes) {
    const std::vector<int> values = Ambiguous(graph, node);
    if (IsProduct(graph, node)) rows.insert(rows.end(), values.begin(), values.end());
    if (IsOfMaps(node)) maps.insert(maps.end(), values.begin(), values.end());
    if (!TakesRows(graph, node)) continue;
    for (int value : values) components.Join(value, values[0]);
  }
  std::vector<bool> are_rows(graph.values.size(), false);
  for (int value : rows) are_rows[components.Root(value)] = true;
  for (int value : maps) are_rows[components.Root(value)] = false;
  for (size_t v = 0; v < graph.values.size(); ++v)
    graph.values[v].rows = graph.values[v].axes.size() == 4 && !graph.values[v].constant &&
                           are_rows[components.Root(static_cast<int>(v))];
}

}  // namespace sparseprune::ort
