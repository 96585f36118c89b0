#include <algorithm>

#include "engine/moves.h"
#include "engine/runs.h"

namespace sparseprune {
namespace {

constexpr int64_t kMostLanes = 16;

// Where the runs of one group of images lie.
class Places {
 public:
  Places(RunTable table, const Layout& plain, const Layout& tiled)
      : table_(std::move(table)),
        lanes_(tiled.lanes),
        groups_(tiled.LanesAreImages() && tiled.height != plain.height ? tiled.height : 1),
        group_bytes_(tiled.RowStride() * VectorBytes(tiled)) {}

  int64_t groups() const { return groups_; }
  int64_t group_bytes() const { return group_bytes_; }

  // Lanes without an image repeat the last one.
  LaneRuns Of(int64_t group, int64_t images, int64_t (&starts)[kMostLanes]) const {
    LaneRuns runs = table_.View();
    if (table_.image_floats == 0) return runs;
    for (int64_t lane = 0; lane < lanes_; ++lane)
      starts[lane] = std::min(group * lanes_ + lane, images - 1) * table_.image_floats;
    runs.lane_floats = starts;
    return runs;
  }

  // One bit for every lane with an image of its own.
  uint32_t LiveLanes(int64_t group, int64_t images) const {
    if (table_.image_floats == 0) return table_.shape.live;
    const int64_t count = std::clamp<int64_t>(images - group * lanes_, 0, lanes_);
    return (uint32_t{1} << count) - 1;
  }

 private:
  const RunTable table_;
  const int64_t lanes_, groups_, group_bytes_;
};

RunTable TableOf(const Layout& plain, const Layout& tiled, const Halo& reach) {
  return tiled.LanesAreImages() ? RunsOfImages(plain, tiled, reach)
                                : RunsOfMap(plain, tiled, reach);
}

class Interleave final : public Operation {
 public:
  Interleave(const KernelTable& kernels, const Layout& plain, Source source, const Layout& tiled,
             int buffer, float fill)
      : kernels_(kernels),
        places_(TableOf(plain, tiled, tiled.halo), plain, tiled),
        source_(source),
        buffer_(buffer),
        fill_(fill) {}

  void Run(const Frame& frame) const noexcept override {
    int64_t starts[kMostLanes];
    for (int64_t g = 0; g < places_.groups(); ++g) {
      kernels_.interleave({places_.Of(g, frame.images, starts),
                           reinterpret_cast<const float*>(source_.At(frame)),
                           frame.buffers[buffer_] + g * places_.group_bytes(), fill_});
    }
  }

 private:
  const KernelTable& kernels_;
  const Places places_;
  const Source source_;
  const int buffer_;
  const float fill_;
};

class Deinterleave final : public Operation {
 public:
  Deinterleave(const KernelTable& kernels, const Layout& tiled, Source source, const Layout& plain,
               Target target)
      : kernels_(kernels),
        places_(TableOf(plain, tiled, {}), plain, tiled),
        source_(source),
        target_(target) {}

  void Run(const Frame& frame) const noexcept override {
    int64_t starts[kMostLanes];
    for (int64_t g = 0; g < places_.groups(); ++g) {
      DeinterleaveTask task{places_.Of(g, frame.images, starts),
                            source_.At(frame) + g * places_.group_bytes(),
                            reinterpret_cast<float*>(target_.At(frame))};
      task.runs.live = places_.LiveLanes(g, frame.images);
      kernels_.deinterleave(task);
    }
  }

 private:
  const KernelTable& kernels_;
  const Places places_;
  const Source source_;
  const Target target_;
};

}  // namespace

OperationPtr MakeInterleave(const KernelTable& kernels, const Layout& plain, Source source,
                            const Layout& tiled, int buffer, float fill) {
  return std::make_unique<Interleave>(kernels, plain, source, tiled, buffer, fill);
}

OperationPtr MakeDeinterleave(const KernelTable& kernels, const Layout& tiled, Source source,
                              const Layout& plain, Target target) {
  return std::make_unique<Deinterleave>(kernels, tiled, source, plain, target);
}

}  // namespace sparseprune
