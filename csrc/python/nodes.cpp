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

Node Conv(std::string name, ValueId input, ValueId output, const py::array& weight,
          const std::optional<py::array>& bias, Pair stride, Pair dilation, Pair pad_begin,
          Pair pad_end) {
  Node node = Simple(Op::kConv, std::move(name), {input}, output);
  SetParameters(node, weight, bias);
  node.window = {{weight.shape(2), weight.shape(3)}, stride, dilation, pad_begin, pad_end};
  return node;
}

Node Linear(std::string name, ValueId input, ValueId output, const py::array& weight,
            const std::optional<py::array>& bias) {
  Node node = Simple(Op::kLinear, std::move(name), {input}, output);
  SetParameters(node, weight, bias);
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
        py::kw_only(), "stride"_a = one, "dilation"_a = one, "pad_begin"_a = zero,
        "pad_end"_a = zero);
  m.def("linear", &Linear, "name"_a, "input"_a, "output"_a, "weight"_a, "bias"_a = py::none());
  m.def(
      "add",
      [](std::string name, ValueId a, ValueId b, ValueId output) {
        return Simple(Op::kAdd, std::move(name), {a, b}, output);
      },
      "name"_a, "a"_a, "b"_a, "output"_a);
  m.def(
      "relu",
      [](std::string name, ValueId input, ValueId output) {
        Node node = Simple(Op::kActivation, std::move(name), {input}, output);
        node.activation = Activation::kRelu;
        return node;
      },
      "name"_a, "input"_a, "output"_a);
  m.def("max_pool", &MaxPool, "name"_a, "input"_a, "output"_a, "kernel"_a, py::kw_only(),
        "stride"_a = one, "pad_begin"_a = zero, "pad_end"_a = zero);
  m.def("global_average_pool", &GlobalAveragePool, "name"_a, "input"_a, "output"_a, py::kw_only(),
        "keep_dims"_a = true);
  m.def(
      "flatten",
      [](std::string name, ValueId input, ValueId output) {
        return Simple(Op::kFlatten, std::move(name), {input}, output);
      },
      "name"_a, "input"_a, "output"_a);
}

}  // namespace sparseprune
