#include "engine/resize.h"

#include "engine/channels.h"
#include "engine/tables.h"

namespace sparseprune {
namespace {

int64_t NearestSource(int64_t position, int64_t from, int64_t to) { return position * from / to; }

// Can every lane make its part of the output of its own part of the input?
bool StaysInLanes(const Layout& input, const Layout& output) {
  return !input.flat && input.grid == output.grid &&
         input.tile_h * output.height == output.tile_h * input.height &&
         input.tile_w * output.width == output.tile_w * input.width;
}

class NearestInLanes final : public Resized {
 public:
  NearestInLanes(const KernelTable& kernels, const Layout& input, Source from, const Layout& output,
                 int buffer)
      : Resized(kernels, input, from, output, buffer), same_(to_.size(), 0) {
    ForEachPosition([&](int64_t y, int64_t x) {
      vectors_.push_back(Narrow(input.VectorIndex(NearestSource(y, input.tile_h, output.tile_h),
                                                  NearestSource(x, input.tile_w, output.tile_w))));
    });
    for (int64_t lane = 0; lane < output.lanes; ++lane) order_.push_back(Narrow(lane));
    order_.resize(static_cast<size_t>(2 * output.lanes), -1);
  }

  void RunChannels(int64_t channels, const float* input, char* output) const noexcept override {
    kernels_.shuffle({channels, Count(), reinterpret_cast<const char*>(input), output,
                      input_.ChannelStride(), output_.ChannelStride(), vectors_.data(), to_.data(),
                      same_.data(), order_.data(), 0.0f});
  }

 private:
  std::vector<int32_t> vectors_, order_;
  const std::vector<int32_t> same_;
};

class NearestGathered final : public Resized {
 public:
  NearestGathered(const KernelTable& kernels, const Layout& input, Source from,
                  const Layout& output, int buffer)
      : Resized(kernels, input, from, output, buffer) {
    ForEachPosition([&](int64_t y, int64_t x) {
      for (int64_t lane = 0; lane < output.lanes; ++lane)
        index_.push_back(Index(output.MapY(y, lane), output.MapX(x, lane)));
    });
  }

  void RunChannels(int64_t channels, const float* input, char* output) const noexcept override {
    kernels_.pick({channels, Count(), input, input_.ChannelFloats(), index_.data(), output,
                   output_.ChannelStride(), to_.data()});
  }

 private:
  int32_t Index(int64_t y, int64_t x) const {
    if (!output_.Inside(y, x)) return -1;
    return Narrow(input_.FloatIndex(NearestSource(y, input_.height, output_.height),
                                    NearestSource(x, input_.width, output_.width)));
  }

  std::vector<int32_t> index_;
};

}  // namespace

Resized::Resized(const KernelTable& kernels, const Layout& input, Source from, const Layout& output,
                 int buffer, bool with_halo)
    : kernels_(kernels),
      input_(input),
      output_(output),
      from_(from),
      buffer_(buffer),
      with_halo_(with_halo) {
  ForEachPosition([&](int64_t y, int64_t x) { to_.push_back(Narrow(output.VectorIndex(y, x))); });
}

void Resized::Run(const Frame& frame) const noexcept {
  const float* input = reinterpret_cast<const float*>(from_.At(frame));
  char* output = frame.buffers[buffer_];
  const auto body = [&](int64_t first, int64_t count) {
    RunChannels(count, input + first * input_.ChannelFloats(),
                output + first * output_.ChannelFloats() * 4);
  };
  ForChannels(frame, output_.channels, Count(), body);
}

OperationPtr MakeNearest(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer) {
  if (StaysInLanes(input, output))
    return std::make_unique<NearestInLanes>(kernels, input, from, output, buffer);
  return std::make_unique<NearestGathered>(kernels, input, from, output, buffer);
}

OperationPtr MakeResize(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                        const Layout& output, int buffer) {
  if (mode == Resize::kNearest) return MakeNearest(kernels, input, from, output, buffer);
  return MakeBilinear(kernels, mode, input, from, output, buffer);
}

}  // namespace sparseprune
