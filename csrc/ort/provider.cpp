#include "ort/provider.h"

#include <memory>
#include <thread>

#include "engine/isa.h"
#include "ort/assess.h"
#include "ort/explain.h"
#include "ort/kernel.h"
#include "ort/metadata.h"

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

}  // namespace

Provider::Provider(const Api& api, const Options& options)
    : abi::Ep{}, api_(api), options_(options), lanes_(LanesOf("")) {
  if (!options_.explain.empty()) CheckExplanations(options_.explain);
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
  const std::vector<Vertex> vertices = Assess(source, lanes_);
  const Partition partition = Divide(vertices, options_.min_sparsity);
  if (!options_.explain.empty()) AppendDecisions(options_.explain, source, vertices, partition);
  const abi::NodeFusionOptions fusion{abi::kOldestVersion, /*drop_constant_initializers=*/true};
  for (const Region& region : partition.regions) {
    std::vector<const abi::Node*> nodes;
    for (int index : region.members) nodes.push_back(source.nodes[index].handle);
    Check(api_.core, abi::EpGraphSupportInfo_AddNodesToFuse(api_.ep, support, nodes.data(),
                                                            nodes.size(), &fusion));
  }
}

void Provider::Compile(const abi::Graph** graphs, const abi::Node** fused_nodes, size_t count,
                       abi::NodeComputeInfo** kernels) const {
  const size_t width =
      options_.threads > 0 ? options_.threads : std::thread::hardware_concurrency();
  // All subgraphs of a model together take the time given.
  KernelTuning tuning{
      {}, options_.tune_seconds / static_cast<double>(count), options_.tune_slice, nullptr};
  tuning.store = std::make_shared<const TuningStore>(options_);
  if (count > 0) tuning.known = tuning.store->Read(ReadMetadata(api_, graphs[0], kTuningKey));
  std::vector<std::unique_ptr<Kernel>> made;
  for (size_t i = 0; i < count; ++i) {
    Translation translation = Translate(api_, graphs[i], fused_nodes[i]);
    made.push_back(
        std::make_unique<Kernel>(api_, std::move(translation), width, tuning, options_.explain));
  }
  // Only now, so that after a failure nothing is left for ONNX Runtime to release.
  for (size_t i = 0; i < count; ++i) kernels[i] = made[i].release();
}

}  // namespace sparseprune::ort
