// What a kernel reads and writes when it is called.
#pragma once

#include <string>

#include "engine/program.h"
#include "ort/api.h"

namespace sparseprune::ort {

// Throws Error, naming the input `name`, unless it is a float32 tensor.
TensorView ReadInput(const Api& api, const abi::KernelContext* context, size_t index,
                     const std::string& name);

// Room for an output, in ONNX Runtime's memory.
float* MakeOutput(const Api& api, abi::KernelContext* context, size_t index, const Shape& shape);

}  // namespace sparseprune::ort
