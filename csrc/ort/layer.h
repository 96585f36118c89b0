// What an ONNX node means to the engine, with its weights still where ONNX Runtime keeps them.
#pragma once

#include <optional>

#include "engine/graph.h"
#include "ort/encoding.h"
#include "ort/source.h"

namespace sparseprune::ort {

// Between N x C x H x W and N x H x W x C. Only at the ends of a region, where the engine reads or
// writes its maps either way (Graph::channels_last_inputs).
enum class Transpose { kNone, kFromChannelsLast, kToChannelsLast };

struct Layer {
  Op op = Op::kActivation;
  bool rows = false;   // its values have rank 3 or 4; all their axes but the last count rows
  bool alias = false;  // the output is the input, under another name; `op` has no meaning
  Transpose transpose = Transpose::kNone;  // of an alias
  std::vector<int> inputs;
  int output = kAbsent;
  // What was concluded from the declared shape of the first input, which may be wrong: the extents
  // that have to be so, and -1 for the others.
  Shape expected;
  Window window;
  int64_t groups = 1;
  Activation activation = Activation::kNone;
  Line line;
  bool keep_dims = true, count_padding = false;
  Resize resize = Resize::kNearest;
  std::array<int64_t, 2> size{0, 0};
  // kConv: O x I/groups x KH x KW; kLinear: O x I, or I x O if `transposed`. Of a compact node it
  // has a shape only, and `encoding` has the values.
  Tensor weight;
  std::optional<Encoding> encoding;
  bool transposed = false;
  Tensor bias;  // one value or O; no data: no bias
  // Gemm: y = weight_scale (x W^T) + bias_scale b.
  float weight_scale = 1, bias_scale = 1;
  std::vector<float> scale, shift;  // kScale: one each per channel

  bool weighted() const { return !alias && (op == Op::kConv || op == Op::kLinear); }
  int64_t outputs() const { return weight.shape[transposed ? 1 : 0]; }
};

// Throws Refusal.
Layer Understand(const SourceGraph& graph, const SourceNode& node);

// The fraction of the weight that is exactly zero.
double Sparsity(const Layer& layer);

}  // namespace sparseprune::ort
