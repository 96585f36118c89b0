// Random inputs that fit a model, and its outputs.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <string>
#include <vector>

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// Standard normal numbers, the same in every run; an extent that the model leaves open is 1.
// Throws std::runtime_error for an input that is not float32.
std::vector<Tensor> RandomInputs(const Ort::Session& session);

// All outputs of one run, one after the other.
std::vector<float> Run(Ort::Session& session, std::vector<Tensor>& inputs);
