#include "ort/translate.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ort/layer.h"

namespace sparseprune::ort {
namespace {

Error Unexpected(const std::string& what) {
  return Error(abi::ErrorCode::kInvalidGraph, "sparseprune: " + what);
}

std::vector<float> Scaled(const Tensor& tensor, float scale) {
  std::vector<float> values(tensor.floats(), tensor.floats() + tensor.count());
  if (scale != 1)
    for (float& value : values) value *= scale;
  return values;
}

std::vector<float> Transposed(const std::vector<float>& values, int64_t rows, int64_t columns) {
  std::vector<float> result(values.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  return result;
}

std::vector<float> Bias(const Layer& layer, int64_t outputs) {
  if (layer.bias.data == nullptr) return {};
  std::vector<float> bias = Scaled(layer.bias, layer.bias_scale);
  if (bias.size() == 1) bias.assign(static_cast<size_t>(outputs), bias[0]);
  return bias;
}

void CopyParameters(const Layer& layer, Node& node) {
  const Shape& shape = layer.weight.shape;
  node.out_channels = layer.outputs();
  node.in_channels = shape[layer.transposed ? 0 : 1] * layer.groups;
  std::vector<float> weight = Scaled(layer.weight, layer.weight_scale);
  if (layer.transposed) weight = Transposed(weight, shape[0], shape[1]);
  node.weight = std::move(weight);
  node.bias = Bias(layer, node.out_channels);
}

Node MakeNode(const Layer& layer, const std::string& title) {
  Node node;
  node.op = layer.op;
  node.name = title;
  node.window = layer.window;
  node.groups = layer.groups;
  node.activation = layer.activation;
  node.count_padding = layer.count_padding;
  node.resize = layer.resize;
  node.size = layer.size;
  node.keep_dims = layer.keep_dims;
  if (layer.weighted()) CopyParameters(layer, node);
  if (layer.op == Op::kScale) {
    node.weight = layer.scale;
    node.bias = layer.shift;
  }
  return node;
}

bool IsShift(const Layer& layer) {
  return !layer.alias && layer.op == Op::kScale &&
         std::all_of(layer.scale.begin(), layer.scale.end(), [](float s) { return s == 1; });
}

// Builds the engine's graph node by node; values are numbered as they appear.
class Builder {
 public:
  explicit Builder(const SourceGraph& source) : source_(source), readers_(source.values.size(), 0) {
    for (const SourceNode& node : source.nodes)
      for (int input : node.inputs)
        if (input != kAbsent) ++readers_[input];
  }

  void AddInput(size_t slot, const abi::ValueInfo* value) {
    const std::string name = ValueName(source_.api, value);
    if (ids_.count(name) != 0) return;
    for (const SourceValue& v : source_.values)
      if (v.name == name && v.axes.size() == 3) result_.tokens = true;
    result_.graph.inputs.push_back(Define(name));
    result_.input_slots.push_back(slot);
    result_.input_names.push_back(name);
  }

  void AddNode(const SourceNode& source_node) {
    const Layer layer = UnderstandClaimed(source_node);
    const std::string& output = source_.values[layer.output].name;
    if (layer.alias || FoldShift(layer)) {
      ids_[output] = Find(source_.values[layer.inputs[0]].name);
      return;
    }
    Node node = MakeNode(layer, source_node.title);
    for (int input : layer.inputs) node.inputs.push_back(Find(source_.values[input].name));
    node.output = Define(output);
    result_.graph.nodes.push_back(std::move(node));
  }

  // Its other readers are not among the nodes.
  void AddOutputName(const std::string& name) { outputs_.insert(name); }
  void AddOutput(const std::string& name) { result_.graph.outputs.push_back(Find(name)); }

  Translation Take() { return std::move(result_); }

 private:
  Layer UnderstandClaimed(const SourceNode& node) const {
    try {
      return Understand(source_, node);
    } catch (const Refusal& refusal) {
      throw Unexpected(node.title + " was claimed but is not supported: " + refusal.reason);
    }
  }

  // Makes a shift the bias of the linear layer before it, as exporters write MatMul and Add.
  bool FoldShift(const Layer& layer) {
    const SourceValue& value = source_.values[layer.inputs[0]];
    if (!IsShift(layer) || readers_[layer.inputs[0]] != 1 || outputs_.count(value.name) != 0)
      return false;
    const ValueId id = Find(value.name);
    for (Node& node : result_.graph.nodes) {
      if (node.output != id || node.op != Op::kLinear || !node.bias.empty()) continue;
      if (layer.shift.size() != static_cast<size_t>(node.out_channels)) continue;
      node.bias = layer.shift;
      return true;
    }
    return false;
  }

  ValueId Define(const std::string& name) { return ids_[name] = result_.graph.value_count++; }

  ValueId Find(const std::string& name) const {
    const auto found = ids_.find(name);
    if (found == ids_.end()) throw Unexpected("value '" + name + "' is read before it is made");
    return found->second;
  }

  const SourceGraph& source_;
  Translation result_;
  std::vector<int> readers_;  // of each value
  std::unordered_set<std::string> outputs_;
  std::unordered_map<std::string, ValueId> ids_;
};

}  // namespace

Translation Translate(const Api& api, const abi::Graph* subgraph, const abi::Node* fused_node) {
  const SourceGraph source = ReadGraph(api, subgraph);
  Builder builder(source);
  const std::vector<const abi::ValueInfo*> inputs = Inputs(api, fused_node);
  for (size_t slot = 0; slot < inputs.size(); ++slot)
    if (inputs[slot] != nullptr && !IsConstant(api, inputs[slot]))
      builder.AddInput(slot, inputs[slot]);
  for (const abi::ValueInfo* output : Outputs(api, fused_node))
    builder.AddOutputName(ValueName(api, output));
  for (const SourceNode& node : source.nodes) builder.AddNode(node);
  for (const abi::ValueInfo* output : Outputs(api, fused_node))
    builder.AddOutput(ValueName(api, output));
  return builder.Take();
}

}  // namespace sparseprune::ort
