#include "ort/node_view.h"

#include <algorithm>

namespace sparseprune::ort {

bool NodeView::Computes(size_t inputs) const {
  for (size_t i = 0; i < inputs; ++i)
    if (!IsData(input(i))) return false;
  const auto present = [](int value) { return value != kAbsent; };
  return std::count_if(node_.outputs.begin(), node_.outputs.end(), present) == 1 &&
         At(node_.outputs, 0) != kAbsent;
}

bool NodeView::IsData(int value) const {
  if (value == kAbsent) return false;
  const SourceValue& source = graph_.values[value];
  return !source.constant && source.type == abi::ElementType::kFloat &&
         std::all_of(source.axes.begin(), source.axes.end(),
                     [](const Axis& axis) { return axis.extent <= kMaxExtent; });
}

std::optional<Tensor> NodeView::Constant(size_t index, abi::ElementType type) const {
  const int value = input(index);
  if (value == kAbsent || !graph_.values[value].constant) return std::nullopt;
  if (graph_.values[value].type != type) return std::nullopt;
  return graph_.Constant(value);
}

int64_t NodeView::Int(const char* name, int64_t otherwise) const {
  return ReadInt(graph_.api, node_.handle, name).value_or(otherwise);
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

Layer NodeView::MakeLayer(Op op, size_t inputs) const {
  Layer layer;
  layer.op = op;
  layer.inputs.assign(node_.inputs.begin(), node_.inputs.begin() + inputs);
  layer.output = node_.outputs[0];
  return layer;
}

}  // namespace sparseprune::ort
