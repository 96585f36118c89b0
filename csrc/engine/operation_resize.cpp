#include <algorithm>
#include <cmath>

#include "engine/operation.h"

namespace sparseprune {
namespace {

// The two input positions on one axis that an output position blends, and how.
struct Blended {
  int64_t at[2];
  double weight[2];
};

double Centre(Resize mode, int64_t position, int64_t from, int64_t to) {
  const double p = static_cast<double>(position), n = static_cast<double>(from),
               m = static_cast<double>(to);
  if (mode == Resize::kBilinearCorners) return to > 1 ? p * (n - 1) / (m - 1) : 0;
  return std::clamp((p + 0.5) * n / m - 0.5, 0.0, n - 1);
}

// `position` of `to` positions on an axis that has `from` in the input.
Blended SourceOf(Resize mode, int64_t position, int64_t from, int64_t to) {
  const double centre = Centre(mode, position, from, to);
  const int64_t before = static_cast<int64_t>(std::floor(centre));
  const double part = centre - static_cast<double>(before);
  // One position alone counts as two halves: a weight of zero would make a NaN of an infinity
  // beside it.
  if (part == 0) return {{before, before}, {0.5, 0.5}};
  return {{before, std::min(before + 1, from - 1)}, {1 - part, part}};
}

int64_t NearestSource(int64_t position, int64_t from, int64_t to) { return position * from / to; }

int32_t Narrow(int64_t value) { return static_cast<int32_t>(value); }

// Can every lane make its part of the output of its own part of the input?
bool StaysInLanes(const Layout& input, const Layout& output) {
  return !input.flat && input.grid == output.grid &&
         input.tile_h * output.height == output.tile_h * input.height &&
         input.tile_w * output.width == output.tile_w * input.width;
}

class Resized : public Operation {
 public:
  Resized(const KernelTable& kernels, const Layout& input, Source from, const Layout& output,
          int buffer)
      : kernels_(kernels), input_(input), output_(output), from_(from), buffer_(buffer) {
    for (int64_t y = 0; y < output.tile_h; ++y)
      for (int64_t x = 0; x < output.tile_w; ++x)
        to_.push_back(Narrow(output.Origin() + y * output.RowStride() + x));
  }

 protected:
  int64_t Count() const { return static_cast<int64_t>(to_.size()); }
  const float* Input(const Frame& frame) const {
    return reinterpret_cast<const float*>(from_.At(frame));
  }

  const KernelTable& kernels_;
  const Layout input_, output_;
  const Source from_;
  const int buffer_;
  std::vector<int32_t> to_;
};

class NearestInLanes final : public Resized {
 public:
  NearestInLanes(const KernelTable& kernels, const Layout& input, Source from, const Layout& output,
                 int buffer)
      : Resized(kernels, input, from, output, buffer), same_(to_.size(), 0) {
    for (int64_t y = 0; y < output.tile_h; ++y)
      for (int64_t x = 0; x < output.tile_w; ++x)
        vectors_.push_back(Narrow(
            input.Origin() + NearestSource(y, input.tile_h, output.tile_h) * input.RowStride() +
            NearestSource(x, input.tile_w, output.tile_w)));
    for (int64_t lane = 0; lane < output.lanes; ++lane) order_.push_back(Narrow(lane));
    order_.resize(static_cast<size_t>(2 * output.lanes), -1);
  }

  void Run(const Frame& frame) const noexcept override {
    kernels_.shuffle({output_.channels, Count(), from_.At(frame), frame.buffers[buffer_],
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
    for (int64_t y = 0; y < output.tile_h; ++y)
      for (int64_t x = 0; x < output.tile_w; ++x)
        for (int64_t lane = 0; lane < output.lanes; ++lane)
          index_.push_back(Index(output.MapY(y, lane), output.MapX(x, lane)));
  }

  void Run(const Frame& frame) const noexcept override {
    kernels_.pick({output_.channels, Count(), Input(frame), input_.ChannelFloats(), index_.data(),
                   frame.buffers[buffer_], output_.ChannelStride(), to_.data()});
  }

 private:
  int32_t Index(int64_t y, int64_t x) const {
    if (!output_.Inside(y, x)) return -1;
    return Narrow(input_.FloatIndex(NearestSource(y, input_.height, output_.height),
                                    NearestSource(x, input_.width, output_.width)));
  }

  std::vector<int32_t> index_;
};

// Images in lanes.
class BilinearInLanes final : public Resized {
 public:
  BilinearInLanes(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                  const Layout& output, int buffer)
      : Resized(kernels, input, from, output, buffer) {
    for (int64_t y = 0; y < output.height; ++y)
      for (int64_t x = 0; x < output.width; ++x)
        Add(SourceOf(mode, y, input.height, output.height),
            SourceOf(mode, x, input.width, output.width));
  }

  void Run(const Frame& frame) const noexcept override {
    kernels_.blend({output_.channels, Count(), Input(frame), input_.ChannelFloats(),
                    vectors_.data(), weights_.data(), frame.buffers[buffer_],
                    output_.ChannelStride(), to_.data()});
  }

 private:
  void Add(const Blended& y, const Blended& x) {
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        vectors_.push_back(Narrow(input_.Origin() + y.at[i] * input_.RowStride() + x.at[j]));
        weights_.push_back(static_cast<float>(y.weight[i] * x.weight[j]));
      }
  }

  std::vector<int32_t> vectors_;
  std::vector<float> weights_;
};

// One image, from any layout.
class BilinearGathered final : public Resized {
 public:
  BilinearGathered(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                   const Layout& output, int buffer)
      : Resized(kernels, input, from, output, buffer) {
    for (int64_t y = 0; y < output.tile_h; ++y)
      for (int64_t x = 0; x < output.tile_w; ++x)
        for (int i = 0; i < 2; ++i)
          for (int j = 0; j < 2; ++j)
            for (int64_t lane = 0; lane < output.lanes; ++lane)
              Add(mode, output.MapY(y, lane), output.MapX(x, lane), i, j);
  }

  void Run(const Frame& frame) const noexcept override {
    kernels_.blend_gathered({output_.channels, Count(), Input(frame), input_.ChannelFloats(),
                             index_.data(), weights_.data(), frame.buffers[buffer_],
                             output_.ChannelStride(), to_.data()});
  }

 private:
  void Add(Resize mode, int64_t y, int64_t x, int i, int j) {
    const bool inside = output_.Inside(y, x);
    const Blended down = SourceOf(mode, inside ? y : 0, input_.height, output_.height);
    const Blended across = SourceOf(mode, inside ? x : 0, input_.width, output_.width);
    index_.push_back(inside ? Narrow(input_.FloatIndex(down.at[i], across.at[j])) : -1);
    weights_.push_back(static_cast<float>(down.weight[i] * across.weight[j]));
  }

  std::vector<int32_t> index_;
  std::vector<float> weights_;
};

}  // namespace

OperationPtr MakeResize(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                        const Layout& output, int buffer) {
  const bool in_lanes = StaysInLanes(input, output);
  if (mode != Resize::kNearest) {
    if (output.LanesAreImages())
      return std::make_unique<BilinearInLanes>(kernels, mode, input, from, output, buffer);
    return std::make_unique<BilinearGathered>(kernels, mode, input, from, output, buffer);
  }
  if (in_lanes) return std::make_unique<NearestInLanes>(kernels, input, from, output, buffer);
  return std::make_unique<NearestGathered>(kernels, input, from, output, buffer);
}

}  // namespace sparseprune
