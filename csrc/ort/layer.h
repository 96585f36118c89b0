// What an ONNX node means to the engine, with its weights still where ONNX Runtime keeps them.
#pragma once

#include <optional>

#include "engine/graph.h"
#include "ort/source.h"

namespace sparseprune::ort {

struct Layer {
  Op op = Op::kActivation;
  bool alias = false;  // the output is the input, under another name; `op` has no meaning
  std::vector<int> inputs;
  int output = kAbsent;
  Window window;
  Activation activation = Activation::kNone;
  bool keep_dims = true;
  // kConv: O x I x KH x KW; kLinear: O x I, or I x O if `transposed`.
  Tensor weight;
  bool transposed = false;
  Tensor bias;  // one value or O; no data: no bias
  // Gemm: y = weight_scale (x W^T) + bias_scale b.
  float weight_scale = 1, bias_scale = 1;

  bool weighted() const { return !alias && (op == Op::kConv || op == Op::kLinear); }
};

// Nothing for a node that is to stay with the CPU provider: unsupported, or wrong in a way that
// the CPU provider is better placed to explain.
std::optional<Layer> Understand(const SourceGraph& graph, const SourceNode& node);

// The fraction of the weight that is exactly zero.
double Sparsity(const Layer& layer);

}  // namespace sparseprune::ort
