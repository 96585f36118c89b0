// The network as the engine sees it: float32 values joined by a few operations, weights held here.
//
// Feature maps are N x C x H x W, vectors are N x F. A weight that is exactly zero is structural:
// it is skipped, so it does not carry a NaN or an infinity of its input on; a kept weight does.
// kActivation and kMaxPool keep a NaN, wherever in the window it stands (ONNX Runtime's Relu does
// too, its MaxPool keeps some and loses others). kSoftmax makes NaN of all features of an image
// that has a NaN, a positive infinity, or nothing but negative infinities.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/weights.h"
#include "kernels/activation.h"

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

enum class Op {
  kConv,
  kLinear,
  kAdd,
  kActivation,
  kScale,  // y = scale x + shift, per channel
  kMaxPool,
  kAveragePool,
  kGlobalAveragePool,
  kConcat,  // along the channels
  kResize,
  kSoftmax,  // along the features of N x F
  kFlatten
};

// How kResize finds output position p of `output` positions from `input` ones.
enum class Resize {
  kNearest,         // floor(p * input / output)
  kBilinear,        // half-pixel centres, edges repeated
  kBilinearCorners  // align_corners
};

// Attributes of kConv (kernel, stride, dilation, padding), kMaxPool and kAveragePool (dilation 1).
struct Window {
  std::array<int64_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int64_t, 2> pad_begin{0, 0}, pad_end{0, 0};  // {top, left}, {bottom, right}

  // Positions from its first to its last along an axis, gaps included.
  int64_t Reach(int axis) const { return (kernel[axis] - 1) * dilation[axis] + 1; }
};

struct Node {
  Op op;
  std::string name;             // for error messages
  std::vector<ValueId> inputs;  // one; two for kAdd (equal shapes); any number for kConcat
  ValueId output;
  Window window;             // kConv, kMaxPool, kAveragePool
  int64_t out_channels = 0;  // kConv: O; kLinear: output features
  int64_t in_channels = 0;   // kConv: I; kLinear: input features
  int64_t groups = 1;        // kConv: divides I and O
  Weights weight;            // kConv: O x I/groups x KH x KW; kLinear: O x I; kScale: C
  std::vector<float> bias;   // empty or O (kLinear: y = x W^T + b); kScale: empty or C
  Activation activation = Activation::kNone;  // kActivation
  bool count_padding = false;                 // kAveragePool: padding counts in the divisor
  Resize resize = Resize::kNearest;
  std::array<int64_t, 2> size{0, 0};  // kResize: output height and width
  bool keep_dims = true;              // kGlobalAveragePool: N x C x 1 x 1 if true, else N x C
  // The first input's shape as far as this node was made for it: -1 is any extent; empty, any rank.
  Shape expected;
};

struct Graph {
  std::vector<Node> nodes;  // topological order
  int value_count = 0;      // values are 0 .. value_count - 1
  std::vector<ValueId> inputs, outputs;
  // Maps that lie as N x H x W x C in the caller's memory, whose shapes are given so too; by
  // position, none where shorter. Inside the graph every map is N x C x H x W.
  std::vector<bool> channels_last_inputs, channels_last_outputs;
};

inline bool IsSet(const std::vector<bool>& flags, size_t at) {
  return at < flags.size() && flags[at];
}

}  // namespace sparseprune
