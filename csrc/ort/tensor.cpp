#include "ort/tensor.h"

#include <algorithm>
#include <memory>

namespace sparseprune::ort {
namespace {

void ReadShapeReference(const Api& api, const abi::Value* value, Tensor& tensor) {
  const int64_t* extents = nullptr;
  size_t rank = 0;
  Check(api.core, abi::GetTensorElementTypeAndShapeDataReference(api.core, value, &tensor.type,
                                                                 &extents, &rank));
  tensor.shape.assign(extents, extents + rank);
}

void ReadShapeCopy(const Api& api, const abi::Value* value, Tensor& tensor) {
  abi::TensorTypeAndShapeInfo* info = nullptr;
  Check(api.core, abi::GetTensorTypeAndShape(api.core, value, &info));
  const auto release = [&](abi::TensorTypeAndShapeInfo* i) {
    abi::ReleaseTensorTypeAndShapeInfo(api.core, i);
  };
  const std::unique_ptr<abi::TensorTypeAndShapeInfo, decltype(release)> owner(info, release);
  size_t rank = 0;
  Check(api.core, abi::GetTensorElementType(api.core, info, &tensor.type));
  Check(api.core, abi::GetDimensionsCount(api.core, info, &rank));
  tensor.shape.resize(rank);
  Check(api.core, abi::GetDimensions(api.core, info, tensor.shape.data(), rank));
}

}  // namespace

int64_t Tensor::count() const {
  // The other extents of an empty tensor are bounded by nothing.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t product = 1;
  for (int64_t extent : shape) product *= extent;
  return product;
}

Tensor ReadTensor(const Api& api, const abi::Value* value) {
  if (value == nullptr) throw Error(abi::ErrorCode::kInvalidArgument, "a tensor is missing");
  Tensor tensor;
  if (api.version >= 24) {
    ReadShapeReference(api, value, tensor);
  } else {
    ReadShapeCopy(api, value, tensor);
  }
  void* data = nullptr;  // read only; the function that says so came with version 23
  Check(api.core, abi::GetTensorMutableData(api.core, const_cast<abi::Value*>(value), &data));
  tensor.data = data;
  return tensor;
}

}  // namespace sparseprune::ort
