#include "ort/source.h"

#include <unordered_map>

#include "ort/rows.h"

namespace sparseprune::ort {
namespace {

void ReadType(const Api& api, SourceValue& value) {
  const abi::TypeInfo* info = nullptr;
  const abi::TensorTypeAndShapeInfo* tensor = nullptr;
  Check(api.core, abi::GetValueInfoTypeInfo(api.core, value.handle, &info));
  if (info != nullptr) Check(api.core, abi::CastTypeInfoToTensorInfo(api.core, info, &tensor));
  if (tensor == nullptr) return;  // a sequence, a map, or unknown
  size_t rank = 0;
  Check(api.core, abi::GetTensorElementType(api.core, tensor, &value.type));
  Check(api.core, abi::GetDimensionsCount(api.core, tensor, &rank));
  Shape extents(rank);
  std::vector<const char*> symbols(rank);
  if (rank == 0) return;
  Check(api.core, abi::GetDimensions(api.core, tensor, extents.data(), rank));
  Check(api.core, abi::GetSymbolicDimensions(api.core, tensor, symbols.data(), rank));
  for (size_t i = 0; i < rank; ++i)
    value.axes.push_back({extents[i], symbols[i] != nullptr ? symbols[i] : ""});
}

// Gives each named value of the graph one index.
class ValueTable {
 public:
  explicit ValueTable(SourceGraph& graph) : graph_(graph) {}

  std::vector<int> Indices(const std::vector<const abi::ValueInfo*>& handles) {
    std::vector<int> indices;
    for (const abi::ValueInfo* handle : handles) indices.push_back(Index(handle));
    return indices;
  }

 private:
  int Index(const abi::ValueInfo* handle) {
    if (handle == nullptr) return kAbsent;
    std::string name = ValueName(graph_.api, handle);
    if (name.empty()) return kAbsent;
    const auto [found, fresh] = index_.emplace(name, static_cast<int>(graph_.values.size()));
    if (!fresh) return found->second;
    SourceValue value{handle, std::move(name), {}, {}, IsConstant(graph_.api, handle)};
    Check(graph_.api.core, abi::ValueInfo_IsGraphOutput(graph_.api.core, handle, &value.leaves));
    ReadType(graph_.api, value);
    graph_.values.push_back(std::move(value));
    return found->second;
  }

  SourceGraph& graph_;
  std::unordered_map<std::string, int> index_;
};

std::string Text(const char* text) { return text != nullptr ? text : ""; }

SourceNode ReadNode(const Api& api, const abi::Node* handle, ValueTable& values) {
  const char *name = nullptr, *domain = nullptr, *op = nullptr;
  Check(api.core, abi::Node_GetName(api.core, handle, &name));
  Check(api.core, abi::Node_GetDomain(api.core, handle, &domain));
  int version = 0;
  Check(api.core, abi::Node_GetOperatorType(api.core, handle, &op));
  Check(api.core, abi::Node_GetSinceVersion(api.core, handle, &version));
  return {handle,
          Text(name),
          Text(domain),
          Text(op),
          values.Indices(Inputs(api, handle)),
          values.Indices(Outputs(api, handle)),
          values.Indices(ImplicitInputs(api, handle)),
          version,
          {}};
}

std::string Title(const SourceGraph& graph, const SourceNode& node) {
  if (!node.name.empty()) return node.op + " '" + node.name + "'";
  for (int output : node.outputs)
    if (output != kAbsent) return node.op + " of '" + graph.values[output].name + "'";
  return node.op;
}

template <class CountSlot, class FillSlot>
std::vector<const abi::ValueInfo*> Edges(const Api& api, const abi::Node* node, CountSlot count,
                                         FillSlot fill) {
  size_t size = 0;
  Check(api.core, count(api.core, node, &size));
  std::vector<const abi::ValueInfo*> edges(size);
  if (size > 0) Check(api.core, fill(api.core, node, edges.data(), size));
  return edges;
}

}  // namespace

Tensor SourceGraph::Constant(int value) const {
  const abi::Value* tensor = nullptr;
  Check(api.core, abi::ValueInfo_GetInitializerValue(api.core, values.at(value).handle, &tensor));
  return ReadTensor(api, tensor);
}

SourceGraph ReadGraph(const Api& api, const abi::Graph* graph) {
  size_t count = 0;
  Check(api.core, abi::Graph_GetNumNodes(api.core, graph, &count));
  std::vector<const abi::Node*> handles(count);
  if (count > 0) Check(api.core, abi::Graph_GetNodes(api.core, graph, handles.data(), count));
  SourceGraph source{api, {}, {}};
  ValueTable values(source);
  for (const abi::Node* handle : handles) source.nodes.push_back(ReadNode(api, handle, values));
  for (SourceNode& node : source.nodes) node.title = Title(source, node);
  MarkRows(source);
  return source;
}

bool IsNested(const Api& api, const abi::Graph* graph) {
  const abi::Node* parent = nullptr;
  Check(api.core, abi::Graph_GetParentNode(api.core, graph, &parent));
  return parent != nullptr;
}

std::string ValueName(const Api& api, const abi::ValueInfo* value) {
  const char* name = nullptr;
  Check(api.core, abi::GetValueInfoName(api.core, value, &name));
  return Text(name);
}

bool IsConstant(const Api& api, const abi::ValueInfo* value) {
  bool constant = false;
  Check(api.core, abi::ValueInfo_IsConstantInitializer(api.core, value, &constant));
  return constant;
}

std::vector<const abi::ValueInfo*> Inputs(const Api& api, const abi::Node* node) {
  return Edges(api, node, abi::Node_GetNumInputs, abi::Node_GetInputs);
}

std::vector<const abi::ValueInfo*> Outputs(const Api& api, const abi::Node* node) {
  return Edges(api, node, abi::Node_GetNumOutputs, abi::Node_GetOutputs);
}

std::vector<const abi::ValueInfo*> ImplicitInputs(const Api& api, const abi::Node* node) {
  return Edges(api, node, abi::Node_GetNumImplicitInputs, abi::Node_GetImplicitInputs);
}

}  // namespace sparseprune::ort
