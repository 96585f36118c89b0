// The execution provider of one session: claims subgraphs, then compiles them.
#pragma once

#include "ort/options.h"

namespace sparseprune::ort {

constexpr char kProviderName[] = "SparsePruneExecutionProvider";

class Provider final : public abi::Ep {
 public:
  Provider(const Api& api, const Options& options);

  const Api& api() const { return api_; }
  void Claim(const abi::Graph* graph, abi::EpGraphSupportInfo* support) const;
  void Compile(const abi::Graph** graphs, const abi::Node** fused_nodes, size_t count,
               abi::NodeComputeInfo** kernels) const;

 private:
  Api api_;
  Options options_;
  int lanes_;  // asked for early: later, ONNX Runtime would hide that there is no such set
};

}  // namespace sparseprune::ort
