#include "inputs.h"

#include <algorithm>
#include <random>
#include <stdexcept>

namespace {

size_t Volume(const std::vector<int64_t>& shape) {
  size_t volume = 1;
  for (int64_t extent : shape) volume *= static_cast<size_t>(extent);
  return volume;
}

Tensor RandomInput(const Ort::Session& session, size_t index, std::mt19937& random) {
  Ort::AllocatorWithDefaultOptions allocator;
  const Ort::TypeInfo type = session.GetInputTypeInfo(index);
  const auto info = type.GetTensorTypeAndShapeInfo();
  Tensor tensor{session.GetInputNameAllocated(index, allocator).get(), info.GetShape(), {}};
  if (info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
    throw std::runtime_error("input '" + tensor.name + "' is not float32");
  for (int64_t& extent : tensor.shape) extent = std::max<int64_t>(extent, 1);
  tensor.values.resize(Volume(tensor.shape));
  std::normal_distribution<float> normal;
  for (float& value : tensor.values) value = normal(random);
  return tensor;
}

}  // namespace

std::vector<Tensor> RandomInputs(const Ort::Session& session) {
  std::mt19937 random(0);
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < session.GetInputCount(); ++i)
    inputs.push_back(RandomInput(session, i, random));
  return inputs;
}

std::vector<float> Run(Ort::Session& session, std::vector<Tensor>& inputs) {
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<const char*> names, output_names;
  std::vector<Ort::Value> values;
  for (Tensor& input : inputs) {
    names.push_back(input.name.c_str());
    values.push_back(Ort::Value::CreateTensor<float>(
        memory, input.values.data(), input.values.size(), input.shape.data(), input.shape.size()));
  }
  Ort::AllocatorWithDefaultOptions allocator;
  std::vector<Ort::AllocatedStringPtr> owners;
  for (size_t i = 0; i < session.GetOutputCount(); ++i)
    output_names.push_back(owners.emplace_back(session.GetOutputNameAllocated(i, allocator)).get());
  std::vector<float> all;
  for (Ort::Value& output : session.Run(Ort::RunOptions{nullptr}, names.data(), values.data(),
                                        values.size(), output_names.data(), output_names.size())) {
    const auto info = output.GetTensorTypeAndShapeInfo();
    if (info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) continue;
    const float* data = output.GetTensorData<float>();
    all.insert(all.end(), data, data + info.GetElementCount());
  }
  return all;
}
