#include "ort/custom_op_kernel.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "engine/shapes.h"
#include "ort/engine_node.h"
#include "ort/operands.h"
#include "ort/refusal.h"
#include "ort/session_pool.h"

namespace sparseprune::ort {
namespace {

[[noreturn]] void Fail(abi::ErrorCode code, const std::string& title, const std::string& what) {
  throw Error(code, "sparseprune: " + title + ": " + what);
}

std::string Title(const Api& api, const CompactOperator& kind, const abi::KernelInfo* info) {
  size_t size = 0;
  Check(api.core, abi::KernelInfo_GetNodeName(api.core, info, nullptr, &size));
  std::string name(size, '\0');
  Check(api.core, abi::KernelInfo_GetNodeName(api.core, info, name.data(), &size));
  name.resize(size > 0 ? size - 1 : 0);  // `size` counts the terminating zero
  return std::string(kind.name) + " '" + name + "'";
}

// Nothing if the node has no such attribute, or one of another type.
template <class T, class Read>
std::optional<T> Attribute(const Api& api, const Read& read) {
  T value{};
  abi::Status* status = read(value);
  if (status == nullptr) return value;
  abi::ReleaseStatus(api.core, status);
  return std::nullopt;
}

std::optional<Shape> Ints(const Api& api, const abi::KernelInfo* info, const char* name) {
  return Attribute<Shape>(api, [&](Shape& values) {
    size_t size = 0;
    if (abi::Status* status =
            abi::KernelInfoGetAttributeArray_int64(api.core, info, name, nullptr, &size))
      return status;
    values.resize(size);
    return abi::KernelInfoGetAttributeArray_int64(api.core, info, name, values.data(), &size);
  });
}

CompactAttributes ReadAttributes(const Api& api, const abi::KernelInfo* info) {
  CompactAttributes attributes;
  attributes.weight_shape = Ints(api, info, "weight_shape");
  attributes.strides = Ints(api, info, "strides");
  attributes.pads = Ints(api, info, "pads");
  attributes.dilations = Ints(api, info, "dilations");
  attributes.group = Attribute<int64_t>(api, [&](int64_t& value) {
    return abi::KernelInfoGetAttribute_int64(api.core, info, "group", &value);
  });
  return attributes;
}

Tensor ReadConstant(const Api& api, const abi::KernelInfo* info, size_t index, const char* name) {
  int constant = 0;
  const abi::Value* value = nullptr;
  Check(api.core, abi::KernelInfoGetConstantInput_tensor(api.core, info, index, &constant, &value));
  if (constant == 0 || value == nullptr)
    throw Refusal{std::string(name) + " computed at run time; it must be an initializer"};
  return ReadTensor(api, value);
}

Graph OneNode(const Api& api, const CompactOperator& kind, const abi::KernelInfo* info,
              const std::string& title) {
  try {
    const bool steps = kind.positions == Encoding::Positions::kSteps;
    const CompactConstants constants{ReadConstant(api, info, 1, "values"),
                                     ReadConstant(api, info, 2, steps ? "steps" : "bitmask"),
                                     ReadConstant(api, info, 3, "bias")};
    Node node = MakeNode(MakeCompactLayer(kind, ReadAttributes(api, info), constants), title);
    node.inputs = {0};
    node.output = 1;
    Graph graph;
    graph.value_count = 2;
    graph.inputs = {0};
    graph.outputs = {1};
    graph.nodes.push_back(std::move(node));
    return graph;
  } catch (const Refusal& refusal) {
    Fail(abi::ErrorCode::kInvalidGraph, title, refusal.reason);
  }
}

}  // namespace

CustomOpKernel::CustomOpKernel(const Api& api, const CompactOperator& kind,
                               const abi::KernelInfo* info)
    : CustomOpKernel(api, kind, info, Title(api, kind, info)) {}

CustomOpKernel::CustomOpKernel(const Api& api, const CompactOperator& kind,
                               const abi::KernelInfo* info, const std::string& title)
    : api_(api),
      title_(title),
      conv_(kind.op == Op::kConv),
      rank_(Ints(api, info, "weight_shape").value_or(Shape{}).size()),
      program_(OneNode(api, kind, info, title)) {}

Shape CustomOpKernel::Inward(const Shape& shape) const {
  if (conv_) {
    if (shape.size() != rank_)
      Fail(abi::ErrorCode::kInvalidArgument, title_,
           "expected an input of rank " + std::to_string(rank_) + ", got " + ToString(shape));
    Shape map = shape;
    if (rank_ == 3) map.insert(map.begin() + 2, 1);
    return map;
  }
  if (shape.size() < 2)
    Fail(abi::ErrorCode::kInvalidArgument, title_,
         "expected an input of rank 2 or more, got " + ToString(shape));
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    if (__builtin_mul_overflow(rows, shape[i], &rows) || rows > kMaxExtent)
      Fail(abi::ErrorCode::kInvalidArgument, title_, "its input is too large");
  return {rows, shape.back()};
}

Shape CustomOpKernel::Outward(const Shape& input, const Shape& output) const {
  Shape shape = conv_ ? output : input;
  if (!conv_) shape.back() = output[1];
  if (conv_ && rank_ == 3) shape.erase(shape.begin() + 2);
  return shape;
}

void CustomOpKernel::Run(abi::KernelContext* context) const {
  TensorView input = ReadInput(api_, context, 0, title_);
  const Shape shape = std::exchange(input.shape, Inward(input.shape));
  const auto outputs = [&](size_t index, const Shape& made) {
    return MakeOutput(api_, context, index, Outward(shape, made));
  };
  // How many threads the session has is not told to custom operators.
  SessionPool pool(api_, context, std::max(1u, std::thread::hardware_concurrency()));
  program_.Run({input}, outputs, pool);
}

}  // namespace sparseprune::ort
