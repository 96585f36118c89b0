#include "python/nodes.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/graph.h"
#include "python/arrays.h"

namespace py = pybind11;

namespace sparseprune {
namespace {

using Pair = std::array<int64_t, 2>;

std::vector<float> Floats(const py::array& array, const std::string& what, py::ssize_t ndim) {
  CheckFloats(array, what);
  if (array.ndim() != ndim)
    throw py::value_error(what + " must have " + std::to_string(ndim) + " dimensions, got " +
                          std::to_string(array.ndim()));
  const float* data = static_cast<const float*>(array.data());
  return std::vector<float>(data, data + array.size());
}

Node Simple(Op op, std::string name, std::vector<ValueId> inputs, ValueId output) {
  Node node;
  node.op = op;
  node.name = std::move(name);
  node.inputs = std::move(inputs);
  node.output = output;
  return node;
}

void SetParameters(Node& node, const py::array& weight, const std::optional<py::array>& bias) {
  node.weight = Floats(weight, "weight", node.op == Op::kConv ? 4 : 2);
  if (bias) node.bias = Floats(*bias, "bias", 1);
  node.out_channels = weight.shape(0);
  node.in_channels = weight.shape(1);
}

// Groups out of range are for Validate to name.
int64_t InChannels(int64_t per_group, int64_t groups) {
  return groups >= 1 && groups <= kMaxExtent ? per_group * groups : per_group;
}

Node Conv(std::string name, ValueId input, ValueId output, const py::array& weight,
          const std::optional<py::array>& bias, int64_t groups, Pair stride, Pair dilation,
          Pair pad_begin, Pair pad_end) {
  Node node = Simple(Op::kConv, std::move(name), {input}, output);
  SetParameters(node, weight, bias);
  node.groups = groups;
  node.in_channels = InChannels(node.in_channels, groups);
  node.window = {{weight.shape(2), weight.shape(3)}, stride, dilation, pad_begin, pad_end};
  return node;
}

Node Linear(std::string name, ValueId input, ValueId output, const py::array& weight,
            const std::optional<py::array>& bias) {
  Node node = Simple(Op::kLinear, std::move(name), {input}, output);
  SetParameters(node, weight, bias);
  return node;
}

Node Scale(std::string name, ValueId input, ValueId output, const py::array& scale,
           const std::optional<py::array>& shift) {
  Node node = Simple(Op::kScale, std::move(name), {input}, output);
  node.weight = Floats(scale, "scale", 1);
  if (shift) node.bias = Floats(*shift, "shift", 1);
  return node;
}

// One of `names`, by its place; `what` is the argument.
template <typename Choice, size_t N>
Choice Named(const char* what, const std::string& name, const char* const (&names)[N]) {
  std::string known;
  for (size_t i = 0; i < N; ++i) {
    if (name == names[i]) return static_cast<Choice>(i);
    known += (i ? ", " : "") + std::string(names[i]);
  }
  throw py::value_error(std::string(what) + " must be one of " + known + ", got '" + name + "'");
}

Node Activate(std::string name, ValueId input, ValueId output, const std::string& kind,
              const Line& line = {}) {
  Node node = Simple(Op::kActivation, std::move(name), {input}, output);
  node.activation = Named<Activation>(
      "kind", kind, {"none", "relu", "relu6", "hard_swish", "sigmoid", "hard_sigmoid", "silu"});
  node.line = line;
  return node;
}

Node AveragePool(std::string name, ValueId input, ValueId output, Pair kernel, Pair stride,
                 Pair pad_begin, Pair pad_end, bool count_padding) {
  Node node = Simple(Op::kAveragePool, std::move(name), {input}, output);
  node.window = {kernel, stride, {1, 1}, pad_begin, pad_end};
  node.count_padding = count_padding;
  return node;
}

Node ResizeMap(std::string name, ValueId input, ValueId output, Pair size,
               const std::string& mode) {
  Node node = Simple(Op::kResize, std::move(name), {input}, output);
  node.size = size;
  node.resize = Named<Resize>("mode", mode, {"nearest", "bilinear", "bilinear_corners"});
  return node;
}

Node MaxPool(std::string name, ValueId input, ValueId output, Pair kernel, Pair stride,
             Pair pad_begin, Pair pad_end) {
  Node node = Simple(Op::kMaxPool, std::move(name), {input}, output);
  node.window = {kernel, stride, {1, 1}, pad_begin, pad_end};
  return node;
}

Node GlobalAveragePool(std::string name, ValueId input, ValueId output, bool keep_dims) {
  Node node = Simple(Op::kGlobalAveragePool, std::move(name), {input}, output);
  node.keep_dims = keep_dims;
  return node;
}

}  // namespace

void BindNodes(py::module_& m) {
  using namespace py::literals;
  const Pair one{1, 1}, zero{0, 0};
  py::class_<Node>(m, "Node").def_readonly("name", &Node::name);
  m.def("conv", &Conv, "name"_a, "input"_a, "output"_a, "weight"_a, "bias"_a = py::none(),
        py::kw_only(), "groups"_a = 1, "stride"_a = one, "dilation"_a = one, "pad_begin"_a = zero,
        "pad_end"_a = zero);
  m.def("linear", &Linear, "name"_a, "input"_a, "output"_a, "weight"_a, "bias"_a = py::none());
  m.def(
      "add",
      [](std::string name, ValueId a, ValueId b, ValueId output) {
        return Simple(Op::kAdd, std::move(name), {a, b}, output);
      },
      "name"_a, "a"_a, "b"_a, "output"_a);
  m.def(
      "multiply",
      [](std::string name, ValueId a, ValueId b, ValueId output) {
        return Simple(Op::kMultiply, std::move(name), {a, b}, output);
      },
      "name"_a, "a"_a, "b"_a, "output"_a);
  m.def(
      "activation",
      [](std::string name, ValueId input, ValueId output, const std::string& kind, float slope,
         float offset) { return Activate(std::move(name), input, output, kind, {slope, offset}); },
      "name"_a, "input"_a, "output"_a, "kind"_a, py::kw_only(), "slope"_a = Line{}.slope,
      "offset"_a = Line{}.offset);
  m.def(
      "relu",
      [](std::string name, ValueId input, ValueId output) {
        return Activate(std::move(name), input, output, "relu");
      },
      "name"_a, "input"_a, "output"_a);
  m.def("scale", &Scale, "name"_a, "input"_a, "output"_a, "scale"_a, "shift"_a = py::none());
  m.def("max_pool", &MaxPool, "name"_a, "input"_a, "output"_a, "kernel"_a, py::kw_only(),
        "stride"_a = one, "pad_begin"_a = zero, "pad_end"_a = zero);
  m.def("average_pool", &AveragePool, "name"_a, "input"_a, "output"_a, "kernel"_a, py::kw_only(),
        "stride"_a = one, "pad_begin"_a = zero, "pad_end"_a = zero, "count_padding"_a = false);
  m.def("global_average_pool", &GlobalAveragePool, "name"_a, "input"_a, "output"_a, py::kw_only(),
        "keep_dims"_a = true);
  m.def(
      "concat",
      [](std::string name, std::vector<ValueId> inputs, ValueId output) {
        return Simple(Op::kConcat, std::move(name), std::move(inputs), output);
      },
      "name"_a, "inputs"_a, "output"_a);
  m.def("resize", &ResizeMap, "name"_a, "input"_a, "output"_a, "size"_a, "mode"_a);
  m.def(
      "softmax",
      [](std::string name, ValueId input, ValueId output) {
        return Simple(Op::kSoftmax, std::move(name), {input}, output);
      },
      "name"_a, "input"_a, "output"_a);
  m.def(
      "flatten",
      [](std::string name, ValueId input, ValueId output) {
        return Simple(Op::kFlatten, std::move(name), {input}, output);
      },
      "name"_a, "input"_a, "output"_a);
}

}  // namespace sparseprune
