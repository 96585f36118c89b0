#include "engine/channels.h"
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
    // What lies outside the map must stay zero, also where an infinite factor meets it.
    const bool spills = epilogue.scale != nullptr || !IsClamp(epilogue.activation) || gated();
    if (!places.output.flat && spills) mask_ = places.output.Mask();
    region_ = RegionOf(places.output);
    if (IsOneRow()) region_ = {region_.channels, 1, region_.rows * region_.cols};
  }

  void Run(const Frame& frame) const noexcept override {
    if (places_.output.flat) {
      RunFlat(frame);
      return;
    }
    const auto body = [&](int64_t first, int64_t count) { RunChannels(frame, first, count); };
    ForChannels(frame, region_.channels, region_.rows * region_.cols, body);
  }

 private:
  bool gated() const { return places_.join == Join::kVectors || places_.join == Join::kFloats; }

  // Without halos a channel is one long row, which small tiles gain from.
  bool IsOneRow() const {
    const auto bare = [](const Layout& layout) { return layout.RowStride() == layout.tile_w; };
    return bare(places_.input) && bare(places_.output) &&
           (places_.join == Join::kNone || gated() || bare(places_.other));
  }

  void RunChannels(const Frame& frame, int64_t first, int64_t count) const {
    ElementwiseTask task{};
    task.region = {count, region_.rows, region_.cols};
    task.a = Skip(ViewOf(places_.input, places_.from.At(frame)), first, kernels_.lanes);
    task.join = places_.join;
    if (places_.join == Join::kFloats)
      task.b.data = places_.other_from.At(frame) + 4 * first;
    else if (places_.join != Join::kNone)
      task.b = Skip(ViewOf(places_.other, places_.other_from.At(frame)), first, kernels_.lanes);
    if (!scale_.empty()) {
      task.scale = scale_.data() + first;
      task.shift = shift_.data() + first;
    }
    task.output =
        Skip(ViewOf(places_.output, frame.buffers[places_.buffer]), first, kernels_.lanes);
    task.mask = MaskData(mask_);
    task.mask_row_stride = places_.output.tile_w;
    task.activation = epilogue_.activation;
    task.line = epilogue_.line;
    kernels_.elementwise(task);
  }

  void RunFlat(const Frame& frame) const {
    const auto floats = [](const char* data) { return reinterpret_cast<const float*>(data); };
    ElementwiseFlatTask task{};
    task.count = places_.output.channels * places_.output.height * places_.output.width;
    task.a = floats(places_.from.At(frame));
    task.join = places_.join;
    if (places_.join != Join::kNone) task.b = floats(places_.other_from.At(frame));
    if (!scale_.empty()) {
      task.scale = scale_.data();
      task.shift = shift_.data();
    }
    task.output = reinterpret_cast<float*>(frame.buffers[places_.buffer]);
    task.activation = epilogue_.activation;
    task.line = epilogue_.line;
    kernels_.elementwise_flat(task);
  }

  const KernelTable& kernels_;
  const ElementwisePlaces places_;
  const Epilogue epilogue_;
  std::vector<float> scale_, shift_;
  std::vector<int32_t> mask_;
  Region region_;
};

}  // namespace

OperationPtr MakeElementwise(const KernelTable& kernels, const ElementwisePlaces& places,
                             const Epilogue& epilogue) {
  return std::make_unique<Elementwise>(kernels, places, epilogue);
}

}  // namespace sparseprune
