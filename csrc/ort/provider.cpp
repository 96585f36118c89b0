#include "ort/provider.h"

#include <memory>
#include <thread>

#include "ort/extents.h"
#include "ort/kernel.h"
#include "ort/metadata.h"
#include "ort/partition.h"

namespace sparseprune::ort {
namespace {

// Where a model's metadata holds its tuning; the exporter writes it.
constexpr char kTuningKey[] = "sparseprune.tuning";

const char* GetName(const abi::Ep*) { return kProviderName; }

abi::Status* GetCapability(abi::Ep* self, const abi::Graph* graph,
                           abi::EpGraphSupportInfo* support) {
  const auto* provider = static_cast<Provider*>(self);
  return Guard(provider->api().core, [&] { provider->Claim(graph, support); });
}

abi::Status* CompileAll(abi::Ep* self, const abi::Graph** graphs, const abi::Node** fused_nodes,
                        size_t count, abi::NodeComputeInfo** kernels, abi::Node**) {
  const auto* provider = static_cast<Provider*>(self);
  return Guard(provider->api().core,
               [&] { provider->Compile(graphs, fused_nodes, count, kernels); });
}

void ReleaseKernels(abi::Ep*, abi::NodeComputeInfo** kernels, size_t count) {
  for (size_t i = 0; i < count; ++i) delete static_cast<Kernel*>(kernels[i]);
}

// ONNX would broadcast an Add; the engine adds equal shapes only.
bool AddsEqualShapes(const Layer& layer, ShapeTable& shapes) {
  return layer.alias || layer.op != Op::kAdd || shapes.SameShape(layer.inputs[0], layer.inputs[1]);
}

void Connect(const std::vector<int>& values, const std::vector<int>& makers, Vertex& vertex) {
  for (int value : values)
    if (value != kAbsent && makers[value] != kAbsent) vertex.producers.push_back(makers[value]);
}

std::vector<Vertex> Assess(const SourceGraph& source, double min_sparsity) {
  std::vector<Vertex> graph;
  std::vector<int> makers(source.values.size(), kAbsent);  // of each value
  ShapeTable shapes(source);
  for (const SourceNode& node : source.nodes) {
    Vertex vertex;
    Connect(node.inputs, makers, vertex);
    Connect(node.implicit, makers, vertex);
    const std::optional<Layer> layer = Understand(source, node);
    if (layer && AddsEqualShapes(*layer, shapes)) {
      shapes.Record(*layer);
      vertex.supported = true;
      vertex.weighted = layer->weighted();
      vertex.sparse = vertex.weighted && Sparsity(*layer) >= min_sparsity;
    }
    for (int output : node.outputs)
      if (output != kAbsent) makers[output] = static_cast<int>(graph.size());
    graph.push_back(std::move(vertex));
  }
  return graph;
}

}  // namespace

Provider::Provider(const Api& api, const Options& options)
    : abi::Ep{}, api_(api), options_(options) {
  ort_version_supported = abi::kOldestVersion;
  abi::Ep::GetName = ort::GetName;
  abi::Ep::GetCapability = ort::GetCapability;
  abi::Ep::Compile = CompileAll;
  abi::Ep::ReleaseNodeComputeInfos = ReleaseKernels;
}

void Provider::Claim(const abi::Graph* graph, abi::EpGraphSupportInfo* support) const {
  // Bodies of If, Loop and Scan stay with the CPU provider: they may read values from outside.
  if (IsNested(api_, graph)) return;
  const SourceGraph source = ReadGraph(api_, graph);
  const abi::NodeFusionOptions fusion{abi::kOldestVersion, /*drop_constant_initializers=*/true};
  for (const std::vector<int>& group : Partition(Assess(source, options_.min_sparsity))) {
    std::vector<const abi::Node*> nodes;
    for (int index : group) nodes.push_back(source.nodes[index].handle);
    Check(api_.core, abi::EpGraphSupportInfo_AddNodesToFuse(api_.ep, support, nodes.data(),
                                                            nodes.size(), &fusion));
  }
}

void Provider::Compile(const abi::Graph** graphs, const abi::Node** fused_nodes, size_t count,
                       abi::NodeComputeInfo** kernels) const {
  const size_t width =
      options_.threads > 0 ? options_.threads : std::thread::hardware_concurrency();
  // All subgraphs of a model together take the time given.
  KernelTuning tuning{{}, options_.tune_seconds / static_cast<double>(count), nullptr};
  tuning.store = std::make_shared<const TuningStore>(options_);
  if (count > 0) tuning.known = tuning.store->Read(ReadMetadata(api_, graphs[0], kTuningKey));
  std::vector<std::unique_ptr<Kernel>> made;
  for (size_t i = 0; i < count; ++i) {
    Translation translation = Translate(api_, graphs[i], fused_nodes[i]);
    made.push_back(std::make_unique<Kernel>(api_, std::move(translation), width, tuning));
  }
  // Only now, so that after a failure nothing is left for ONNX Runtime to release.
  for (size_t i = 0; i < count; ++i) kernels[i] = made[i].release();
}

}  // namespace sparseprune::ort
