// Convolution and max pooling: windows that slide over the last two axes of N x C x H x W.
#include <algorithm>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

bool InRange(const Shape& values, int64_t lowest) {
  return std::all_of(values.begin(), values.end(),
                     [&](int64_t v) { return v >= lowest && v <= kMaxExtent; });
}

// Copies an optional attribute of two positive numbers; false if it is malformed.
bool ReadPair(const NodeView& node, const char* name, std::array<int64_t, 2>& pair) {
  const std::optional<Shape> values = node.Ints(name);
  if (!values || values->empty()) return true;
  if (values->size() != 2 || !InRange(*values, 1)) return false;
  pair = {(*values)[0], (*values)[1]};
  return true;
}

bool ReadPads(const NodeView& node, Window& window) {
  const std::optional<Shape> pads = node.Ints("pads");
  if (!pads || pads->empty()) return true;
  if (pads->size() != 4 || !InRange(*pads, 0)) return false;
  window.pad_begin = {(*pads)[0], (*pads)[1]};
  window.pad_end = {(*pads)[2], (*pads)[3]};
  return true;
}

// The padding that makes the output ceil(input / stride) long; negative where it depends on a size
// that is not known yet, or where a stride beyond the window would have to crop. Dilated windows
// are left alone: runtimes disagree about them.
int64_t SamePadding(const Window& window, int axis, int64_t input) {
  const int64_t kernel = window.kernel[axis], stride = window.stride[axis];
  if (window.dilation[axis] != 1) return -1;
  if (stride == 1) return kernel - 1;
  if (input < 1) return -1;
  const int64_t output = (input - 1) / stride + 1;
  return (output - 1) * stride + kernel - input;
}

// SAME_UPPER puts the odd one at the end, SAME_LOWER at the beginning.
bool ResolveSame(const std::vector<Axis>& axes, bool upper, Window& window) {
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t total = SamePadding(window, axis, axes[2 + axis].extent);
    if (total < 0) return false;
    window.pad_begin[axis] = upper ? total / 2 : total - total / 2;
    window.pad_end[axis] = total - window.pad_begin[axis];
  }
  return true;
}

bool ResolvePads(const NodeView& node, Window& window) {
  const std::string automatic = node.String("auto_pad", "NOTSET");
  if (automatic == "NOTSET") return ReadPads(node, window);
  if (automatic == "VALID") return true;
  if (automatic != "SAME_UPPER" && automatic != "SAME_LOWER") return false;
  return ResolveSame(node.axes(node.input(0)), automatic == "SAME_UPPER", window);
}

// False where the input is known to be smaller than the window: the CPU provider explains that.
bool Fits(const std::vector<Axis>& axes, const Window& window) {
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t extent = axes[2 + axis].extent;
    const int64_t reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
    if (extent >= 0 && extent + window.pad_begin[axis] + window.pad_end[axis] < reach) return false;
  }
  return true;
}

bool ReadWindow(const NodeView& node, Window& window) {
  return ReadPair(node, "strides", window.stride) && ReadPair(node, "dilations", window.dilation) &&
         ResolvePads(node, window) && Fits(node.axes(node.input(0)), window);
}

bool IsWeight(const std::optional<Tensor>& weight) {
  return weight && weight->shape.size() == 4 && InRange(weight->shape, 1);
}

}  // namespace

std::optional<Layer> UnderstandConv(const NodeView& node) {
  if (!node.Computes(1) || node.rank(node.input(0)) != 4) return std::nullopt;
  if (node.Int("group", 1) != 1) return std::nullopt;
  const std::optional<Tensor> weight = node.Constant(1, abi::ElementType::kFloat);
  const std::optional<Tensor> bias = node.Constant(2, abi::ElementType::kFloat);
  if (!IsWeight(weight) || (node.has_input(2) && !bias)) return std::nullopt;
  if (bias && bias->shape != Shape{weight->shape[0]}) return std::nullopt;
  const int64_t channels = node.axes(node.input(0))[1].extent;
  if (channels >= 0 && channels != weight->shape[1]) return std::nullopt;

  Layer layer = node.MakeLayer(Op::kConv, 1);
  layer.weight = *weight;
  if (bias) layer.bias = *bias;
  layer.window.kernel = {weight->shape[2], weight->shape[3]};
  std::array<int64_t, 2> declared = layer.window.kernel;
  if (!ReadPair(node, "kernel_shape", declared) || declared != layer.window.kernel)
    return std::nullopt;
  if (!ReadWindow(node, layer.window)) return std::nullopt;
  return layer;
}

std::optional<Layer> UnderstandMaxPool(const NodeView& node) {
  if (!node.Computes(1) || node.rank(node.input(0)) != 4) return std::nullopt;
  if (node.Int("ceil_mode", 0) != 0) return std::nullopt;
  const std::optional<Shape> kernel = node.Ints("kernel_shape");
  Layer layer = node.MakeLayer(Op::kMaxPool, 1);
  Window& window = layer.window;
  if (!kernel || kernel->size() != 2 || !ReadPair(node, "kernel_shape", window.kernel))
    return std::nullopt;
  if (!ReadWindow(node, window)) return std::nullopt;
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t widest = std::max(window.pad_begin[axis], window.pad_end[axis]);
    if (window.dilation[axis] != 1 || widest >= window.kernel[axis]) return std::nullopt;
  }
  return layer;
}

}  // namespace sparseprune::ort
