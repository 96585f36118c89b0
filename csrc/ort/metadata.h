// Strings that a model file says about itself.
#pragma once

#include <string>

#include "ort/api.h"

namespace sparseprune::ort {

// The model's metadata under `key`; empty where it has none or ONNX Runtime does not tell.
std::string ReadMetadata(const Api& api, const abi::Graph* graph, const char* key);

}  // namespace sparseprune::ort
