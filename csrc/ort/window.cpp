// Convolution and pooling: windows that slide over the last two axes of N x C x H x W.
#include <algorithm>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

bool InRange(const Shape& values, int64_t lowest) {
  return std::all_of(values.begin(), values.end(),
                     [&](int64_t v) { return v >= lowest && v <= kMaxExtent; });
}

// Copies an optional attribute of two positive numbers.
void ReadPair(const NodeView& node, const char* name, std::array<int64_t, 2>& pair) {
  const std::optional<Shape> values = node.Ints(name);
  if (!values || values->empty()) return;
  if (values->size() != 2 || !InRange(*values, 1)) throw Refusal{std::string("unusual ") + name};
  pair = {(*values)[0], (*values)[1]};
}

void ReadPads(const NodeView& node, Window& window) {
  const std::optional<Shape> pads = node.Ints("pads");
  if (!pads || pads->empty()) return;
  Require(pads->size() == 4 && InRange(*pads, 0), "unusual pads");
  window.pad_begin = {(*pads)[0], (*pads)[1]};
  window.pad_end = {(*pads)[2], (*pads)[3]};
}

// The padding that makes the output ceil(input / stride) long. Dilated windows are left alone:
// runtimes disagree about them.
int64_t SamePadding(const Window& window, int axis, int64_t input) {
  const int64_t kernel = window.kernel[axis], stride = window.stride[axis];
  Require(window.dilation[axis] == 1, "dilated window with auto_pad");
  if (stride == 1) return kernel - 1;
  Require(input >= 1, "auto_pad of a size that is not known");
  const int64_t total = (input - 1) / stride * stride + kernel - input;
  Require(total >= 0, "auto_pad that crops");
  return total;
}

// SAME_UPPER puts the odd one at the end, SAME_LOWER at the beginning.
void ResolveSame(const std::vector<Axis>& axes, bool upper, Layer& layer) {
  Window& window = layer.window;
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t extent = axes[2 + axis].extent;
    const int64_t total = SamePadding(window, axis, extent);
    if (window.stride[axis] != 1) layer.expected[2 + axis] = extent;
    window.pad_begin[axis] = upper ? total / 2 : total - total / 2;
    window.pad_end[axis] = total - window.pad_begin[axis];
  }
}

void ResolvePads(const NodeView& node, Layer& layer) {
  const std::string automatic = node.String("auto_pad", "NOTSET");
  if (automatic == "NOTSET") return ReadPads(node, layer.window);
  // ONNX forbids both, and ONNX Runtime refuses such convolutions.
  Require(!node.Ints("pads"), "both auto_pad and pads");
  if (automatic == "VALID") return;
  Require(automatic == "SAME_UPPER" || automatic == "SAME_LOWER", "unknown auto_pad");
  ResolveSame(node.axes(), automatic == "SAME_UPPER", layer);
}

void ReadWindow(const NodeView& node, Layer& layer) {
  ReadPair(node, "strides", layer.window.stride);
  ReadPair(node, "dilations", layer.window.dilation);
  ResolvePads(node, layer);
  ExpectFit(node.axes(), layer.window);
}

// N x C x H x W, and not a signal or a volume.
void ExpectMap(const NodeView& node, const char* what) {
  node.ExpectData(1);
  if (node.rank() != 4) throw Refusal{std::to_string(node.rank() - 2) + "-D " + what};
}

Layer UnderstandPool(const NodeView& node, Op op) {
  ExpectMap(node, "pooling");
  Require(node.Int("ceil_mode", 0) == 0, "ceil_mode");
  const std::optional<Shape> kernel = node.Ints("kernel_shape");
  Require(kernel && kernel->size() == 2, "unusual kernel_shape");
  Layer layer = node.MakeLayer(op, 1);
  Window& window = layer.window;
  ReadPair(node, "kernel_shape", window.kernel);
  ReadWindow(node, layer);
  for (int axis = 0; axis < 2; ++axis) {
    Require(window.dilation[axis] == 1, "dilated window");
    Require(std::max(window.pad_begin[axis], window.pad_end[axis]) < window.kernel[axis],
            "a window of nothing but padding");
  }
  return layer;
}

}  // namespace

void ExpectFit(const std::vector<Axis>& axes, const Window& window) {
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t extent = axes[2 + axis].extent;
    const int64_t padded = extent + window.pad_begin[axis] + window.pad_end[axis];
    Require(extent < 0 || padded >= window.Reach(axis), "its input is smaller than its window");
  }
}

Layer UnderstandConv(const NodeView& node) {
  ExpectMap(node, "convolution");
  Layer layer = node.MakeLayer(Op::kConv, 1);
  layer.weight = node.Parameter(1, abi::ElementType::kFloat, "weight");
  const Shape& shape = layer.weight.shape;
  Require(shape.size() == 4 && InRange(shape, 1), "unusual weight shape");
  if (node.has_input(2)) {
    layer.bias = node.Parameter(2, abi::ElementType::kFloat, "bias");
    Require(layer.bias.shape == Shape{shape[0]}, "bias does not fit its weight");
  }
  layer.groups = node.Int("group", 1);
  Require(layer.groups >= 1 && layer.groups <= shape[0] && shape[0] % layer.groups == 0,
          "groups do not divide its outputs");
  const int64_t channels = node.axes()[1].extent;
  Require(channels < 0 || channels == shape[1] * layer.groups, "weight does not fit its input");
  layer.window.kernel = {shape[2], shape[3]};
  std::array<int64_t, 2> declared = layer.window.kernel;
  ReadPair(node, "kernel_shape", declared);
  Require(declared == layer.window.kernel, "kernel_shape does not fit its weight");
  ReadWindow(node, layer);
  return layer;
}

Layer UnderstandMaxPool(const NodeView& node) { return UnderstandPool(node, Op::kMaxPool); }

Layer UnderstandAveragePool(const NodeView& node) {
  Layer layer = UnderstandPool(node, Op::kAveragePool);
  layer.count_padding = node.Int("count_include_pad", 0) != 0;
  return layer;
}

}  // namespace sparseprune::ort
