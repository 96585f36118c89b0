#include "ort/node_view.h"

#include <algorithm>

namespace sparseprune::ort {

bool NodeView::IsConstant(size_t index) const {
  return has_input(index) && graph_.values[input(index)].constant;
}

void NodeView::ExpectDataAt(size_t index) const {
  Require(has_input(index), "an input is missing");
  const SourceValue& value = graph_.values[input(index)];
  Require(!value.constant, "computes from constants alone");
  Require(value.type == abi::ElementType::kFloat, "not float32");
  Require(!value.axes.empty(), "the rank of its input is not known");
  for (const Axis& axis : value.axes)
    Require(axis.extent <= kMaxExtent, "its input is declared too large");
}

void NodeView::ExpectData(size_t inputs) const {
  for (size_t i = 0; i < inputs; ++i) ExpectDataAt(i);
  Require(output() != kAbsent, "its output is missing");
  for (size_t i = 1; i < node_.outputs.size(); ++i)
    Require(node_.outputs[i] == kAbsent, "more than one output");
}

void NodeView::ExpectData(size_t inputs, std::initializer_list<size_t> ranks) const {
  ExpectData(inputs);
  if (std::find(ranks.begin(), ranks.end(), rank()) == ranks.end())
    throw Refusal{"input of rank " + std::to_string(rank())};
}

void NodeView::ExpectRowsOfRank4() const {
  Require(rank() != 4 || reads_rows(), "its input is a map, too");
}

Tensor NodeView::Constant(size_t index, const char* name) const {
  if (!has_input(index)) throw Refusal{std::string("no ") + name};
  if (!IsConstant(index)) throw Refusal{std::string(name) + " computed at run time"};
  return graph_.Constant(input(index));
}

std::optional<Tensor> NodeView::Constant(size_t index, abi::ElementType type,
                                         const char* name) const {
  if (!has_input(index)) return std::nullopt;
  if (IsConstant(index) && graph_.values[input(index)].type != type)
    throw Refusal{std::string(name) + " of another element type"};
  return Constant(index, name);
}

Tensor NodeView::Parameter(size_t index, abi::ElementType type, const char* name) const {
  const std::optional<Tensor> tensor = Constant(index, type, name);
  if (!tensor) throw Refusal{std::string("no ") + name};
  return *tensor;
}

Shape NodeView::Integers(size_t index, const char* name) const {
  const Tensor tensor = Parameter(index, abi::ElementType::kInt64, name);
  if (tensor.shape.size() != 1) throw Refusal{std::string(name) + " of another shape"};
  return Shape(tensor.integers(), tensor.integers() + tensor.count());
}

size_t NodeView::AxisAt(int64_t axis) const {
  const int64_t end = static_cast<int64_t>(rank());
  if (axis < 0) axis += end;
  Require(axis >= 0 && axis < end, "an axis beyond the rank");
  return static_cast<size_t>(axis);
}

Shape NodeView::Axes(const char* missing) const {
  const std::optional<Shape> listed = has_input(1) ? Integers(1, "axes") : Ints("axes");
  Require(listed.has_value(), missing);
  Shape axes = *listed;
  for (int64_t& axis : axes) axis = static_cast<int64_t>(AxisAt(axis));
  std::sort(axes.begin(), axes.end());
  return axes;
}

std::optional<int64_t> NodeView::Int(const char* name) const {
  return ReadInt(graph_.api, node_.handle, name);
}

float NodeView::Float(const char* name, float otherwise) const {
  return ReadFloat(graph_.api, node_.handle, name).value_or(otherwise);
}

std::string NodeView::String(const char* name, const char* otherwise) const {
  return ReadString(graph_.api, node_.handle, name).value_or(otherwise);
}

std::optional<Shape> NodeView::Ints(const char* name) const {
  return ReadInts(graph_.api, node_.handle, name);
}

std::optional<std::vector<float>> NodeView::Floats(const char* name) const {
  return ReadFloats(graph_.api, node_.handle, name);
}

Layer NodeView::MakeLayer(Op op, size_t inputs) const {
  Layer layer;
  layer.op = op;
  layer.inputs.assign(node_.inputs.begin(), node_.inputs.begin() + inputs);
  layer.output = output();
  layer.rows = reads_rows();
  layer.expected.assign(rank(), -1);
  return layer;
}

Layer NodeView::MakeAlias() const {
  Layer layer = MakeLayer(Op::kActivation, 1);
  layer.alias = true;
  return layer;
}

}  // namespace sparseprune::ort
