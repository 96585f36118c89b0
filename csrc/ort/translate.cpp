#include "ort/translate.h"

#include <unordered_map>

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
  node.out_channels = shape[layer.transposed ? 1 : 0];
  node.in_channels = shape[layer.transposed ? 0 : 1];
  std::vector<float> weight = Scaled(layer.weight, layer.weight_scale);
  if (layer.transposed) weight = Transposed(weight, shape[0], shape[1]);
  node.weight = weight;
  node.bias = Bias(layer, node.out_channels);
}

// Builds the engine's graph node by node; values are numbered as they appear.
class Builder {
 public:
  explicit Builder(const SourceGraph& source) : source_(source) {}

  void AddInput(size_t slot, const std::string& name) {
    if (ids_.count(name) != 0) return;
    result_.graph.inputs.push_back(Define(name));
    result_.input_slots.push_back(slot);
    result_.input_names.push_back(name);
  }

  void AddNode(const SourceNode& source_node) {
    const std::optional<Layer> layer = Understand(source_, source_node);
    if (!layer) throw Unexpected(source_node.title + " was claimed but is not supported");
    const std::string& output = source_.values[layer->output].name;
    if (layer->alias) {
      ids_[output] = Find(source_.values[layer->inputs[0]].name);
      return;
    }
    Node node;
    node.op = layer->op;
    node.name = source_node.title;
    for (int input : layer->inputs) node.inputs.push_back(Find(source_.values[input].name));
    node.window = layer->window;
    node.activation = layer->activation;
    node.keep_dims = layer->keep_dims;
    if (layer->weighted()) CopyParameters(*layer, node);
    node.output = Define(output);
    result_.graph.nodes.push_back(std::move(node));
  }

  void AddOutput(const std::string& name) { result_.graph.outputs.push_back(Find(name)); }

  Translation Take() { return std::move(result_); }

 private:
  ValueId Define(const std::string& name) { return ids_[name] = result_.graph.value_count++; }

  ValueId Find(const std::string& name) const {
    const auto found = ids_.find(name);
    if (found == ids_.end()) throw Unexpected("value '" + name + "' is read before it is made");
    return found->second;
  }

  const SourceGraph& source_;
  Translation result_;
  std::unordered_map<std::string, ValueId> ids_;
};

}  // namespace

Translation Translate(const Api& api, const abi::Graph* subgraph, const abi::Node* fused_node) {
  const SourceGraph source = ReadGraph(api, subgraph);
  Builder builder(source);
  const std::vector<const abi::ValueInfo*> inputs = Inputs(api, fused_node);
  for (size_t slot = 0; slot < inputs.size(); ++slot)
    if (inputs[slot] != nullptr && !IsConstant(api, inputs[slot]))
      builder.AddInput(slot, ValueName(api, inputs[slot]));
  for (const SourceNode& node : source.nodes) builder.AddNode(node);
  for (const abi::ValueInfo* output : Outputs(api, fused_node))
    builder.AddOutput(ValueName(api, output));
  return builder.Take();
}

}  // namespace sparseprune::ort
