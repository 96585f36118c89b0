// The compact operators as custom operators of ONNX Runtime, for the nodes no provider claims.
#pragma once

#include "engine/graph.h"
#include "ort/api.h"

namespace sparseprune::ort {

// Throws Error before ONNX Runtime 1.17: without its thread pool a kernel has but one thread.
void ExpectOperators(const Api& api, const abi::ApiBase* base);

// The domain that holds them; lives until the library is unloaded.
abi::CustomOpDomain* OperatorDomain(const Api& api);

// Tells ONNX Runtime the shape of an operator's output where that of its input is known.
abi::Status* InferOutputShape(const Api& api, Op op, abi::ShapeInferContext* context);

}  // namespace sparseprune::ort
