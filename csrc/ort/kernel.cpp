#include "ort/kernel.h"

#include "engine/parallel.h"

namespace sparseprune::ort {
namespace {

// ONNX Runtime's own pool: a second one would fight with it for the cores.
class SessionPool final : public Parallel {
 public:
  SessionPool(const Api& api, const abi::KernelContext* context, size_t width)
      : api_(api), context_(context), width_(width) {}

  void For(size_t count, void (*task)(void*, size_t), void* context) override {
    if (count == 1) return task(context, 0);
    if (count > 1)
      Check(api_.core,
            abi::KernelContext_ParallelFor(api_.core, context_, task, count, 0, context));
  }

  size_t width() const override { return width_; }

 private:
  const Api& api_;
  const abi::KernelContext* context_;
  size_t width_;
};

TensorView ReadInput(const Api& api, const abi::KernelContext* context, size_t slot,
                     const std::string& name) {
  const abi::Value* value = nullptr;
  Check(api.core, abi::KernelContext_GetInput(api.core, context, slot, &value));
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

abi::Status* CreateState(abi::NodeComputeInfo* self, abi::NodeComputeContext*, void** state) {
  *state = self;
  return nullptr;
}

abi::Status* Compute(abi::NodeComputeInfo* self, void*, abi::KernelContext* context) {
  return static_cast<Kernel*>(self)->RunGuarded(context);
}

void ReleaseState(abi::NodeComputeInfo*, void*) {}

}  // namespace

Kernel::Kernel(const Api& api, Translation translation, size_t width)
    : abi::NodeComputeInfo{abi::kOldestVersion, ort::CreateState, ort::Compute, ort::ReleaseState},
      api_(api),
      input_slots_(std::move(translation.input_slots)),
      input_names_(std::move(translation.input_names)),
      width_(width),
      program_(std::move(translation.graph)) {}

abi::Status* Kernel::RunGuarded(abi::KernelContext* context) const noexcept {
  return Guard(api_.core, [&] { Run(context); });
}

void Kernel::Run(abi::KernelContext* context) const {
  std::vector<TensorView> inputs;
  inputs.reserve(input_slots_.size());
  for (size_t i = 0; i < input_slots_.size(); ++i)
    inputs.push_back(ReadInput(api_, context, input_slots_[i], input_names_[i]));
  const auto outputs = [&](size_t index, const Shape& shape) {
    return MakeOutput(api_, context, index, shape);
  };
  SessionPool pool(api_, context, width_);
  program_.Run(inputs, outputs, pool);
}

}  // namespace sparseprune::ort
