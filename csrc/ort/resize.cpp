// Resizing maps by a factor or to a size that the model gives as a constant.
//
// ONNX has many ways to say which input an output position comes from. The engine takes three of
// them (graph.h); several more say the same where a map grows by whole factors.
#include <algorithm>
#include <cmath>

#include "ort/node_view.h"

namespace sparseprune::ort {
namespace {

using Size = std::array<int64_t, 2>;

// What `values` has for height and width. It lists all four axes, and says `kept` for the first
// two, or it lists what the attribute `axes` names.
template <class T>
std::array<T, 2> LastTwo(const NodeView& node, const std::vector<T>& values, const T (&kept)[2]) {
  const std::optional<Shape> axes = node.Ints("axes");
  const bool listed = axes && !axes->empty();
  if (listed) {
    Require(axes->size() == 2 && values.size() == 2 && node.AxisAt((*axes)[0]) == 2 &&
                node.AxisAt((*axes)[1]) == 3,
            "resizes other axes than height and width");
    return {values[0], values[1]};
  }
  Require(values.size() == 4, "not one factor or size per axis");
  Require(values[0] == kept[0] && values[1] == kept[1], "resizes other axes than height and width");
  return {values[2], values[3]};
}

// The input's height and width.
Size InputSize(const NodeView& node) {
  const Size size{node.axes()[2].extent, node.axes()[3].extent};
  Require(size[0] >= 1 && size[1] >= 1, "the size of its input is not known");
  return size;
}

Size Scaled(const NodeView& node, const std::vector<float>& scales) {
  const std::array<float, 2> factors = LastTwo(node, scales, {1.0f, 1.0f});
  Size size = InputSize(node);
  for (int axis = 0; axis < 2; ++axis) {
    // Else the size is rounded, and ONNX goes on with the factor, not with what the sizes say.
    const double scaled = static_cast<double>(size[axis]) * static_cast<double>(factors[axis]);
    Require(scaled >= 1 && scaled <= kMaxExtent && scaled == std::floor(scaled),
            "scales to a fraction of a position");
    size[axis] = static_cast<int64_t>(scaled);
  }
  return size;
}

// Of the batch and the channels, too, as `sizes` may list all four.
void ExpectDeclared(const NodeView& node, Layer& layer) {
  for (size_t i = node.has_input(3) ? 0 : 2; i < 4; ++i) layer.expected[i] = node.axes()[i].extent;
}

Size OutputSize(const NodeView& node) {
  if (node.has_input(3)) {
    const Shape sizes = node.Integers(3, "sizes");
    Require(sizes.empty() || *std::min_element(sizes.begin(), sizes.end()) >= 1, "unusual sizes");
    const Size size = LastTwo(node, sizes, {node.axes()[0].extent, node.axes()[1].extent});
    Require(std::max(size[0], size[1]) <= kMaxExtent, "unusual sizes");
    return size;
  }
  const Tensor scales = node.Parameter(2, abi::ElementType::kFloat, "scales");
  return Scaled(node, {scales.floats(), scales.floats() + scales.count()});
}

bool GrowsByWholeFactors(const Size& from, const Size& to) {
  return to[0] % from[0] == 0 && to[1] % from[1] == 0;
}

// floor(p input / output) where the output is a multiple of the input: there, rounding half-pixel
// centres gives the same, as none of them is halfway between two positions.
Resize NearestRule(const NodeView& node, const Size& to, const std::string& coordinates) {
  Require(GrowsByWholeFactors(InputSize(node), to), "nearest, not by whole factors");
  const std::string rounding = node.String("nearest_mode", "round_prefer_floor");
  const bool rounds = rounding == "round_prefer_floor" || rounding == "round_prefer_ceil";
  const bool floors = coordinates == "asymmetric" && rounding == "floor";
  Require(floors || (coordinates == "half_pixel" && rounds), "another way of finding the nearest");
  return Resize::kNearest;
}

Resize LinearRule(const Size& to, const std::string& coordinates) {
  if (coordinates == "align_corners") return Resize::kBilinearCorners;
  const bool grows = to[0] > 1 && to[1] > 1;  // else PyTorch's half-pixel centre is 0
  Require(coordinates == "half_pixel" || (coordinates == "pytorch_half_pixel" && grows),
          "another coordinate transformation");
  return Resize::kBilinear;
}

}  // namespace

// Asymmetric coordinates, rounded down.
Layer UnderstandUpsample(const NodeView& node) {
  node.ExpectData(1, {4});
  Require(node.String("mode", "nearest") == "nearest", "linear by asymmetric coordinates");
  Layer layer = node.MakeLayer(Op::kResize, 1);
  if (node.input_count() > 1) {
    const Tensor scales = node.Parameter(1, abi::ElementType::kFloat, "scales");
    layer.size = Scaled(node, {scales.floats(), scales.floats() + scales.count()});
  } else {
    layer.size = Scaled(node, node.Floats("scales").value_or(std::vector<float>{}));
  }
  Require(GrowsByWholeFactors(InputSize(node), layer.size), "nearest, not by whole factors");
  ExpectDeclared(node, layer);
  return layer;
}

Layer UnderstandResize(const NodeView& node) {
  // Opset 10: what Upsample was before.
  if (node.input_count() == 2) return UnderstandUpsample(node);
  node.ExpectData(1, {4});
  Require(node.Int("antialias", 0) == 0, "antialias");
  Require(node.Int("exclude_outside", 0) == 0, "exclude_outside");
  Require(node.String("keep_aspect_ratio_policy", "stretch") == "stretch",
          "keep_aspect_ratio_policy");
  Layer layer = node.MakeLayer(Op::kResize, 1);
  layer.size = OutputSize(node);
  ExpectDeclared(node, layer);
  const std::string mode = node.String("mode", "nearest");
  const std::string coordinates = node.String("coordinate_transformation_mode", "half_pixel");
  Require(mode == "nearest" || mode == "linear", "cubic");
  layer.resize = mode == "nearest" ? NearestRule(node, layer.size, coordinates)
                                   : LinearRule(layer.size, coordinates);
  return layer;
}

}  // namespace sparseprune::ort
