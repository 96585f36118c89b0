#include <algorithm>
#include <cmath>

#include "engine/resize.h"
#include "engine/tables.h"

namespace sparseprune {
namespace {

// The two input positions on one axis that an output position blends, and how.
struct Blended {
  int64_t at[2];
  double weight[2];
};

// `position` of `to` positions on an axis that has `from` in the input.
double Centre(Resize mode, int64_t position, int64_t from, int64_t to) {
  const double p = static_cast<double>(position), n = static_cast<double>(from),
               m = static_cast<double>(to);
  if (mode == Resize::kBilinearCorners) return to > 1 ? p * (n - 1) / (m - 1) : 0;
  return (p + 0.5) * n / m - 0.5;
}

Blended Around(double centre) {
  const int64_t before = static_cast<int64_t>(std::floor(centre));
  const double part = centre - static_cast<double>(before);
  // One position alone counts as two halves: a weight of zero would make a NaN of an infinity
  // beside it.
  if (part == 0) return {{before, before}, {0.5, 0.5}};
  return {{before, before + 1}, {1 - part, part}};
}

Blended Clamped(Resize mode, int64_t position, int64_t from, int64_t to) {
  const double last = static_cast<double>(from - 1);
  return Around(std::clamp(Centre(mode, position, from, to), 0.0, last));
}

// Every lane blends vectors of its own: images in lanes, or tiles with the positions around them.
class BilinearInLanes final : public Resized {
 public:
  BilinearInLanes(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                  const Layout& output, int buffer)
      : Resized(kernels, input, from, output, buffer), mask_(output.Mask()) {
    const bool images = output.LanesAreImages();
    const auto around = [&](int64_t position, int64_t from, int64_t to) {
      return images ? Clamped(mode, position, from, to) : Around(Centre(mode, position, from, to));
    };
    ForEachPosition([&](int64_t y, int64_t x) {
      Add(around(y, input.tile_h, output.tile_h), around(x, input.tile_w, output.tile_w));
    });
  }

  void RunChannels(int64_t channels, const float* input, char* output) const noexcept override {
    kernels_.blend({channels, Count(), input, input_.ChannelFloats(), vectors_.data(),
                    weights_.data(), output, output_.ChannelStride(), to_.data(), MaskData(mask_)});
  }

 private:
  void Add(const Blended& y, const Blended& x) {
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        vectors_.push_back(Narrow(input_.VectorIndex(y.at[i], x.at[j])));
        weights_.push_back(static_cast<float>(y.weight[i] * x.weight[j]));
      }
  }

  const std::vector<int32_t> mask_;
  std::vector<int32_t> vectors_;
  std::vector<float> weights_;
};

// One image, from any layout.
class BilinearGathered final : public Resized {
 public:
  BilinearGathered(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                   const Layout& output, int buffer)
      : Resized(kernels, input, from, output, buffer) {
    ForEachPosition([&](int64_t y, int64_t x) {
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j)
          for (int64_t lane = 0; lane < output.lanes; ++lane)
            Add(mode, output.MapY(y, lane), output.MapX(x, lane), i, j);
    });
  }

  void RunChannels(int64_t channels, const float* input, char* output) const noexcept override {
    kernels_.blend_gathered({channels, Count(), input, input_.ChannelFloats(), index_.data(),
                             weights_.data(), output, output_.ChannelStride(), to_.data(),
                             nullptr});
  }

 private:
  void Add(Resize mode, int64_t y, int64_t x, int i, int j) {
    const bool inside = output_.Inside(y, x);
    const Blended down = Clamped(mode, inside ? y : 0, input_.height, output_.height);
    const Blended across = Clamped(mode, inside ? x : 0, input_.width, output_.width);
    index_.push_back(inside ? Narrow(input_.FloatIndex(down.at[i], across.at[j])) : -1);
    weights_.push_back(static_cast<float>(down.weight[i] * across.weight[j]));
  }

  std::vector<int32_t> index_;
  std::vector<float> weights_;
};

// The map with its edges repeated around it.
class EdgeCopy final : public Resized {
 public:
  EdgeCopy(const KernelTable& kernels, const Layout& input, Source from, const Layout& output,
           int buffer)
      : Resized(kernels, input, from, output, buffer, true) {
    ForEachPosition([&](int64_t y, int64_t x) {
      for (int64_t lane = 0; lane < output.lanes; ++lane)
        index_.push_back(Narrow(
            input.FloatIndex(std::clamp<int64_t>(output.MapY(y, lane), 0, input.height - 1),
                             std::clamp<int64_t>(output.MapX(x, lane), 0, input.width - 1))));
    });
  }

  void RunChannels(int64_t channels, const float* input, char* output) const noexcept override {
    kernels_.pick({channels, Count(), input, input_.ChannelFloats(), index_.data(), output,
                   output_.ChannelStride(), to_.data()});
  }

 private:
  std::vector<int32_t> index_;
};

}  // namespace

OperationPtr MakeEdgeCopy(const KernelTable& kernels, const Layout& input, Source from,
                          const Layout& output, int buffer) {
  return std::make_unique<EdgeCopy>(kernels, input, from, output, buffer);
}

OperationPtr MakeBilinearInLanes(const KernelTable& kernels, const Layout& input, Source from,
                                 const Layout& output, int buffer) {
  return std::make_unique<BilinearInLanes>(kernels, Resize::kBilinear, input, from, output, buffer);
}

OperationPtr MakeBilinear(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                          const Layout& output, int buffer) {
  if (output.LanesAreImages())
    return std::make_unique<BilinearInLanes>(kernels, mode, input, from, output, buffer);
  return std::make_unique<BilinearGathered>(kernels, mode, input, from, output, buffer);
}

}  // namespace sparseprune
