// The network as the engine sees it: float32 values joined by a few operations, weights held here.
//
// Feature maps are N x C x H x W, vectors are N x F. A weight that is exactly zero is structural:
// it is skipped, so it does not carry a NaN or an infinity of its input on; a kept weight does.
// kRelu and kMaxPool keep a NaN, wherever in the window it stands (ONNX Runtime's Relu does too,
// its MaxPool keeps some and loses others).
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace sparseprune {

using Shape = std::vector<int64_t>;
using ValueId = int;

// The largest extent of an input and the largest attribute of a window. Far beyond any real layer,
// and small enough that sums of products of two never overflow.
constexpr int64_t kMaxExtent = int64_t{1} << 30;

// Thrown for a graph or a shape the engine cannot run; the message names the node.
struct InvalidGraph : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

enum class Op { kConv, kLinear, kAdd, kRelu, kMaxPool, kGlobalAveragePool, kFlatten };

// Attributes of kConv (kernel, stride, dilation, padding) and kMaxPool (dilation must be 1).
struct Window {
  std::array<int64_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int64_t, 2> pad_begin{0, 0}, pad_end{0, 0};  // {top, left}, {bottom, right}
};

struct Node {
  Op op;
  std::string name;             // for error messages
  std::vector<ValueId> inputs;  // one; two for kAdd (equal shapes)
  ValueId output;
  Window window;              // kConv, kMaxPool
  int64_t out_channels = 0;   // kConv: O; kLinear: output features
  int64_t in_channels = 0;    // kConv: I; kLinear: input features
  std::vector<float> weight;  // kConv: O x I x KH x KW; kLinear: O x I, y = x W^T + b
  std::vector<float> bias;    // empty or O
  bool keep_dims = true;      // kGlobalAveragePool: N x C x 1 x 1 if true, else N x C
};

struct Graph {
  std::vector<Node> nodes;  // topological order
  int value_count = 0;      // values are 0 .. value_count - 1
  std::vector<ValueId> inputs, outputs;
};

}  // namespace sparseprune
