// Shapes of outputs before anything runs; part of custom_ops.h.
#include <memory>

#include "ort/custom_ops.h"
#include "ort/source.h"

namespace sparseprune::ort {
namespace {

// What is not a number is a symbol: never both, never neither.
struct Dimensions {
  Shape extents;
  std::vector<std::string> symbols;

  void Add(int64_t extent) {
    extents.push_back(extent);
    symbols.emplace_back();
  }
};

Dimensions InputDimensions(const Api& api, abi::ShapeInferContext* context) {
  abi::TensorTypeAndShapeInfo* info = nullptr;  // the context's
  Check(api.core, abi::ShapeInferContext_GetInputTypeShape(api.core, context, 0, &info));
  size_t rank = 0;
  Check(api.core, abi::GetDimensionsCount(api.core, info, &rank));
  Dimensions found;
  found.extents.resize(rank);
  std::vector<const char*> symbols(rank);
  if (rank == 0) return found;
  Check(api.core, abi::GetDimensions(api.core, info, found.extents.data(), rank));
  Check(api.core, abi::GetSymbolicDimensions(api.core, info, symbols.data(), rank));
  for (const char* symbol : symbols) found.symbols.emplace_back(symbol != nullptr ? symbol : "");
  return found;
}

Shape ReadAttribute(const Api& api, abi::ShapeInferContext* context, const char* name) {
  const abi::OpAttr* attribute = nullptr;
  Check(api.core, abi::ShapeInferContext_GetAttribute(api.core, context, name, &attribute));
  return ReadInts(api, attribute);
}

bool InRange(const Shape& values, size_t size, int64_t lowest) {
  if (values.size() != size) return false;
  for (int64_t v : values)
    if (v < lowest || v > kMaxExtent) return false;
  return true;
}

// Axis by axis as the window makes it; false where that is not known.
bool Slide(const Api& api, abi::ShapeInferContext* context, const Shape& weight, const Shape& input,
           Dimensions& output) {
  const size_t axes = weight.size() - 2;
  const Shape strides = ReadAttribute(api, context, "strides");
  const Shape pads = ReadAttribute(api, context, "pads");
  const Shape dilations = ReadAttribute(api, context, "dilations");
  if (!InRange(strides, axes, 1) || !InRange(pads, 2 * axes, 0) || !InRange(dilations, axes, 1))
    return false;
  for (size_t i = 0; i < axes; ++i) {
    const int64_t extent = input[2 + i];
    if (extent < 0 || extent > kMaxExtent) return false;
    const int64_t room = extent + pads[i] + pads[axes + i] - (weight[2 + i] - 1) * dilations[i] - 1;
    if (room < 0) return false;
    output.Add(room / strides[i] + 1);
  }
  return true;
}

bool Infer(const Api& api, Op op, abi::ShapeInferContext* context, Dimensions& output) {
  const Dimensions input = InputDimensions(api, context);
  const Shape weight = ReadAttribute(api, context, "weight_shape");
  const size_t rank = input.extents.size(), kept = op == Op::kConv ? 1 : rank - 1;
  if (rank < 2 || weight.size() < 2 || !InRange(weight, weight.size(), 1)) return false;
  if (weight.size() != (op == Op::kConv ? rank : 2)) return false;
  // ONNX Runtime would take an extent that is neither known nor named for the number -1.
  for (size_t i = 0; i < kept; ++i) {
    if (input.extents[i] < 0 && input.symbols[i].empty()) return false;
    output.extents.push_back(input.extents[i]);
    output.symbols.push_back(input.symbols[i]);
  }
  output.Add(weight[0]);
  return op == Op::kLinear || Slide(api, context, weight, input.extents, output);
}

void SetOutput(const Api& api, abi::ShapeInferContext* context, const Dimensions& output) {
  abi::TensorTypeAndShapeInfo* info = nullptr;
  Check(api.core, abi::CreateTensorTypeAndShapeInfo(api.core, &info));
  const auto release = [&](abi::TensorTypeAndShapeInfo* i) {
    abi::ReleaseTensorTypeAndShapeInfo(api.core, i);
  };
  const std::unique_ptr<abi::TensorTypeAndShapeInfo, decltype(release)> owner(info, release);
  std::vector<const char*> symbols;
  for (const std::string& symbol : output.symbols) symbols.push_back(symbol.c_str());
  const size_t rank = symbols.size();
  Check(api.core, abi::SetTensorElementType(api.core, info, abi::ElementType::kFloat));
  Check(api.core, abi::SetDimensions(api.core, info, output.extents.data(), rank));
  Check(api.core, abi::SetSymbolicDimensions(api.core, info, symbols.data(), rank));
  Check(api.core, abi::ShapeInferContext_SetOutputTypeShape(api.core, context, 0, info));
}

}  // namespace

abi::Status* InferOutputShape(const Api& api, Op op, abi::ShapeInferContext* context) {
  return Guard(api.core, [&] {
    Dimensions output;
    if (Infer(api, op, context, output)) SetOutput(api, context, output);
  });
}

}  // namespace sparseprune::ort
