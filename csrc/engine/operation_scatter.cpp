#include <algorithm>
#include <utility>
#include <vector>

#include "engine/channels.h"
#include "engine/moves.h"
#include "engine/tables.h"

namespace sparseprune {
namespace {

// One float of each channel goes there.
struct Jump {
  int32_t from, to;
};

class Scatter final : public Operation {
 public:
  Scatter(const Layout& from, Source source, const Layout& to, Target target,
          std::vector<Jump> jumps, float fill)
      : channels_(from.channels),
        from_floats_(from.ChannelFloats()),
        to_floats_(to.ChannelFloats()),
        filled_(to.flat ? 0 : to.Rows() * to.RowStride() * to.lanes),
        source_(source),
        target_(target),
        jumps_(std::move(jumps)),
        fill_(fill) {}

  void Run(const Frame& frame) const noexcept override {
    const auto body = [&](int64_t first, int64_t count) {
      const float* from = reinterpret_cast<const float*>(source_.At(frame)) + first * from_floats_;
      float* to = reinterpret_cast<float*>(target_.At(frame)) + first * to_floats_;
      for (int64_t c = 0; c < count; ++c, from += from_floats_, to += to_floats_) {
        std::fill_n(to, filled_, fill_);
        for (const Jump& jump : jumps_) to[jump.to] = from[jump.from];
      }
    };
    ForChannels(frame, channels_, static_cast<int64_t>(jumps_.size()), body);
  }

 private:
  const int64_t channels_, from_floats_, to_floats_, filled_;
  const Source source_;
  const Target target_;
  const std::vector<Jump> jumps_;
  const float fill_;
};

}  // namespace

bool IsScattered(const Layout& plain, const Layout& tiled) {
  return !tiled.LanesAreImages() && plain.height * plain.width < tiled.lanes;
}

OperationPtr MakeScatter(const Layout& plain, Source source, const Layout& tiled, int buffer,
                         float fill) {
  std::vector<Jump> jumps;
  tiled.ForEachPosition(tiled.halo, [&](int64_t y, int64_t x) {
    for (int64_t lane = 0; lane < tiled.lanes; ++lane) {
      const int64_t from = plain.FloatIndex(tiled.MapY(y, lane), tiled.MapX(x, lane));
      if (from >= 0)
        jumps.push_back({Narrow(from), Narrow(tiled.VectorIndex(y, x) * tiled.lanes + lane)});
    }
  });
  return std::make_unique<Scatter>(plain, source, tiled, Target{buffer}, std::move(jumps), fill);
}

OperationPtr MakeCollect(const Layout& tiled, Source source, const Layout& plain, Target target) {
  std::vector<Jump> jumps;
  for (int64_t y = 0; y < plain.height; ++y)
    for (int64_t x = 0; x < plain.width; ++x)
      jumps.push_back({Narrow(tiled.FloatIndex(y, x)), Narrow(plain.FloatIndex(y, x))});
  return std::make_unique<Scatter>(tiled, source, plain, target, std::move(jumps), 0.0f);
}

}  // namespace sparseprune
