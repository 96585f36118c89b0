// Nodes that only say how to see a value: aliases, the order of axes, merging all but the batch.
#include <algorithm>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

// The product of all extents but the batch, or -1 where one is not known.
int64_t Features(const std::vector<Axis>& axes) {
  int64_t product = 1;
  for (size_t i = 1; i < axes.size(); ++i) {
    const int64_t extent = axes[i].extent;
    if (extent < 1 || product > INT64_MAX / extent) return -1;
    product *= extent;
  }
  return product;
}

// Does reshaping to `target` keep the batch and merge the rest, whatever the input holds?
bool IsFlattening(const std::vector<Axis>& axes, const Shape& target) {
  if (target.size() != 2) return false;
  const int64_t features = Features(axes);
  const bool merges = features > 0 && target[1] == features;
  if (target[0] == -1) return merges;
  const bool keeps = target[0] == 0 || (target[0] > 0 && target[0] == axes[0].extent);
  return keeps && (target[1] == -1 || merges);
}

}  // namespace

Layer UnderstandIdentity(const NodeView& node) {
  node.ExpectData(1, {2, 3, 4});
  return node.MakeAlias();
}

// Outside training it is the identity. Opset 12 made training an input.
Layer UnderstandDropout(const NodeView& node) {
  node.ExpectData(1, {2, 3, 4});
  if (node.has_input(2)) {
    const Tensor training = node.Parameter(2, abi::ElementType::kBool, "training mode");
    Require(training.count() == 1 && *static_cast<const char*>(training.data) == 0,
            "training mode");
  }
  return node.MakeAlias();
}

Layer UnderstandTranspose(const NodeView& node) {
  node.ExpectData(1, {4});
  const Shape order = node.Ints("perm").value_or(Shape{});
  Layer layer = node.MakeAlias();
  if (order == Shape{0, 3, 1, 2}) layer.transpose = Transpose::kFromChannelsLast;
  if (order == Shape{0, 2, 3, 1}) layer.transpose = Transpose::kToChannelsLast;
  Require(layer.transpose != Transpose::kNone, "not between channels last and channels first");
  return layer;
}

Layer UnderstandFlatten(const NodeView& node) {
  node.ExpectData(1, {2, 4});
  Require(node.AxisAt(node.Int("axis", 1)) == 1, "merges the batch with other axes");
  return node.MakeLayer(Op::kFlatten, 1);
}

Layer UnderstandReshape(const NodeView& node) {
  node.ExpectData(1, {2, 4});
  const Shape shape = node.Integers(1, "shape");
  // Without a zero in it the shape means the same whether zeros are allowed or not.
  const bool zero = std::find(shape.begin(), shape.end(), 0) != shape.end();
  Require(!zero || node.Int("allowzero", 0) == 0, "reshapes to an empty tensor");
  Require(IsFlattening(node.axes(), shape), "does not keep the batch and merge the rest");
  Layer layer = node.MakeLayer(Op::kFlatten, 1);
  if (shape[0] > 0) layer.expected[0] = shape[0];
  for (size_t i = 1; i < node.rank() && shape[1] > 0; ++i)
    layer.expected[i] = node.axes()[i].extent;
  return layer;
}

// N x C x 1 x 1 to N x C.
Layer UnderstandSqueeze(const NodeView& node) {
  node.ExpectData(1, {4});
  Require(node.Axes("squeezes axes it does not name") == Shape{2, 3},
          "does not squeeze height and width");
  Require(node.axes()[2].extent == 1 && node.axes()[3].extent == 1,
          "squeezes axes not known to be 1");
  Layer layer = node.MakeLayer(Op::kFlatten, 1);
  layer.expected[2] = layer.expected[3] = 1;
  return layer;
}

}  // namespace sparseprune::ort
