#include "engine/operation.h"

namespace sparseprune {
namespace {

class Elementwise final : public Operation {
 public:
  Elementwise(const KernelTable& kernels, const ElementwisePlaces& places, const Epilogue& epilogue)
      : kernels_(kernels), places_(places), epilogue_(epilogue) {
    if (epilogue.scale != nullptr) {
      scale_ = epilogue.scale->weight.Dense();
      shift_ = epilogue.scale->bias;
      shift_.resize(scale_.size(), 0.0f);
    }
    // What lies outside the map must stay zero.
    if (!places.output.flat && (epilogue.scale != nullptr || !IsClamp(epilogue.activation)))
      mask_ = places.output.Mask();
  }

  void Run(const Frame& frame) const noexcept override {
    const char* a = places_.from.At(frame);
    const char* b = places_.two ? places_.other_from.At(frame) : nullptr;
    char* out = frame.buffers[places_.buffer];
    if (places_.output.flat)
      RunFlat(a, b, out);
    else
      RunLanes(a, b, out);
  }

 private:
  void RunLanes(const char* a, const char* b, char* out) const {
    ElementwiseTask task{};
    task.region = RegionOf(places_.output);
    task.a = ViewOf(places_.input, a);
    if (b != nullptr) task.b = ViewOf(places_.other, b);
    SetScale(task);
    task.output = ViewOf(places_.output, out);
    task.mask = MaskData(mask_);
    task.mask_row_stride = places_.output.tile_w;
    task.activation = epilogue_.activation;
    kernels_.elementwise(task);
  }

  void RunFlat(const char* a, const char* b, char* out) const {
    ElementwiseFlatTask task{};
    task.count = places_.output.channels * places_.output.height * places_.output.width;
    task.a = reinterpret_cast<const float*>(a);
    task.b = reinterpret_cast<const float*>(b);
    SetScale(task);
    task.output = reinterpret_cast<float*>(out);
    task.activation = epilogue_.activation;
    kernels_.elementwise_flat(task);
  }

  template <typename Task>
  void SetScale(Task& task) const {
    task.scale = scale_.empty() ? nullptr : scale_.data();
    task.shift = scale_.empty() ? nullptr : shift_.data();
  }

  const KernelTable& kernels_;
  const ElementwisePlaces places_;
  const Epilogue epilogue_;
  std::vector<float> scale_, shift_;
  std::vector<int32_t> mask_;
};

}  // namespace

OperationPtr MakeElementwise(const KernelTable& kernels, const ElementwisePlaces& places,
                             const Epilogue& epilogue) {
  return std::make_unique<Elementwise>(kernels, places, epilogue);
}

}  // namespace sparseprune
