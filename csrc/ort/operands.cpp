#include "ort/operands.h"

#include <utility>

#include "ort/tensor.h"

namespace sparseprune::ort {

TensorView ReadInput(const Api& api, const abi::KernelContext* context, size_t index,
                     const std::string& name) {
  const abi::Value* value = nullptr;
  Check(api.core, abi::KernelContext_GetInput(api.core, context, index, &value));
  Tensor tensor = ReadTensor(api, value);
  if (tensor.type != abi::ElementType::kFloat)
    throw Error(abi::ErrorCode::kInvalidArgument,
                "sparseprune: expected a float32 tensor for '" + name + "'");
  return {tensor.floats(), std::move(tensor.shape)};
}

float* MakeOutput(const Api& api, abi::KernelContext* context, size_t index, const Shape& shape) {
  abi::Value* value = nullptr;
  void* data = nullptr;
  Check(api.core,
        abi::KernelContext_GetOutput(api.core, context, index, shape.data(), shape.size(), &value));
  Check(api.core, abi::GetTensorMutableData(api.core, value, &data));
  return static_cast<float*>(data);
}

}  // namespace sparseprune::ort
