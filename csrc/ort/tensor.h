// A tensor of ONNX Runtime's, seen but not owned.
#pragma once

#include "engine/graph.h"
#include "ort/api.h"

namespace sparseprune::ort {

struct Tensor {
  abi::ElementType type = abi::ElementType::kUndefined;
  Shape shape;
  const void* data = nullptr;

  int64_t count() const;
  const float* floats() const { return static_cast<const float*>(data); }
  const uint8_t* bytes() const { return static_cast<const uint8_t*>(data); }
  const uint16_t* words() const { return static_cast<const uint16_t*>(data); }
  const int64_t* integers() const { return static_cast<const int64_t*>(data); }
};

// Throws Error if `value` is not a tensor.
Tensor ReadTensor(const Api& api, const abi::Value* value);

}  // namespace sparseprune::ort
