#include "ort/translate.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ort/engine_node.h"
#include "ort/refusal.h"

namespace sparseprune::ort {
namespace {

Error Unexpected(const std::string& what) {
  return Error(abi::ErrorCode::kInvalidGraph, "sparseprune: " + what);
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
    for (const SourceValue& v : source_.values)
      if (v.name == name && (v.axes.size() == 3 || v.rows)) result_.tokens = true;
    slots_.emplace(name, slot);
  }

  void AddNode(const SourceNode& source_node) {
    const Layer layer = UnderstandClaimed(source_node);
    const std::string& output = source_.values[layer.output].name;
    const std::string& input = source_.values[layer.inputs[0]].name;
    if (layer.transpose == Transpose::kFromChannelsLast) {
      ids_[output] = DefineInput(input, true);
    } else if (layer.transpose == Transpose::kToChannelsLast) {
      channels_last_[output] = Find(input);
    } else if (layer.alias || FoldShift(layer)) {
      ids_[output] = Find(input);
      shared_.insert(ids_[output]);
    } else {
      AddComputing(layer, source_node.title);
    }
  }
  // Its other readers are not among the nodes.
  void AddOutputName(const std::string& name) { outputs_.insert(name); }
  void AddOutput(const std::string& name) {
    const auto found = channels_last_.find(name);
    const bool last = found != channels_last_.end();
    result_.graph.outputs.push_back(last ? found->second : Find(name));
    result_.graph.channels_last_outputs.push_back(last);
  }

  Translation Take() { return std::move(result_); }

 private:
  Layer UnderstandClaimed(const SourceNode& node) const {
    try {
      return Understand(source_, node);
    } catch (const Refusal& refusal) {
      throw Unexpected(node.title + " was claimed but is not supported: " + refusal.reason);
    }
  }

  // What the weights hold is looked at no earlier: a claim that fails would only be passed over.
  static Node MakeChecked(const Layer& layer, const std::string& title) {
    try {
      return MakeNode(layer, title);
    } catch (const Refusal& refusal) {
      throw Unexpected(title + ": " + refusal.reason);
    }
  }

  void AddComputing(const Layer& layer, const std::string& title) {
    Node node = MakeChecked(layer, title);
    for (int input : layer.inputs) node.inputs.push_back(Find(source_.values[input].name));
    node.output = Define(source_.values[layer.output].name);
    result_.graph.nodes.push_back(std::move(node));
  }

  // Makes a shift the bias of the linear layer before it, as exporters write MatMul and Add.
  bool FoldShift(const Layer& layer) {
    const SourceValue& value = source_.values[layer.inputs[0]];
    if (!IsShift(layer) || readers_[layer.inputs[0]] != 1 || outputs_.count(value.name) != 0)
      return false;
    const ValueId id = Find(value.name);
    if (shared_.count(id) != 0) return false;
    for (Node& node : result_.graph.nodes) {
      if (node.output != id || node.op != Op::kLinear || !node.bias.empty()) continue;
      if (layer.shift.size() != static_cast<size_t>(node.out_channels)) continue;
      node.bias = layer.shift;
      return true;
    }
    return false;
  }

  ValueId Define(const std::string& name) { return ids_[name] = result_.graph.value_count++; }

  // An input of the region becomes one of the graph when it is first read: as it is, from channels
  // last, or both.
  ValueId DefineInput(const std::string& name, bool channels_last) {
    const auto slot = slots_.find(name);
    if (slot == slots_.end()) throw Unexpected("value '" + name + "' is read before it is made");
    const ValueId id = result_.graph.value_count++;
    result_.graph.inputs.push_back(id);
    result_.graph.channels_last_inputs.push_back(channels_last);
    result_.input_slots.push_back(slot->second);
    result_.input_names.push_back(name);
    return id;
  }

  ValueId Find(const std::string& name) {
    const auto found = ids_.find(name);
    return found != ids_.end() ? found->second : ids_[name] = DefineInput(name, false);
  }

  const SourceGraph& source_;
  Translation result_;
  std::vector<int> readers_;  // of each value
  std::unordered_set<std::string> outputs_;
  std::unordered_map<std::string, size_t> slots_;  // of the region's inputs
  std::unordered_map<std::string, ValueId> ids_;
  std::unordered_set<ValueId> shared_;  // by several names: `readers_` counts those of one
  std::unordered_map<std::string, ValueId> channels_last_;  // what leaves transposed
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
