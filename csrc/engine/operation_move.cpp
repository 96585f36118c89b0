#include <cstring>
#include <utility>

#include "engine/channels.h"
#include "engine/moves.h"
#include "engine/tables.h"

namespace sparseprune {
namespace {

class Shuffle final : public Operation {
 public:
  Shuffle(const KernelTable& kernels, ShuffleTable table, const Layout& from, Source source,
          int64_t to_channel_stride, int buffer, float fill)
      : kernels_(kernels),
        table_(std::move(table)),
        channels_(from.channels),
        from_stride_(from.ChannelStride()),
        to_stride_(to_channel_stride),
        source_(source),
        buffer_(buffer),
        fill_(fill) {}

  void Run(const Frame& frame) const noexcept override {
    const auto body = [&](int64_t first, int64_t count) { RunChannels(frame, first, count); };
    ForChannels(frame, channels_, static_cast<int64_t>(table_.to.size()), body);
  }

 private:
  void RunChannels(const Frame& frame, int64_t first, int64_t count) const {
    const int64_t bytes = 4 * kernels_.lanes;
    kernels_.shuffle({count, static_cast<int64_t>(table_.to.size()),
                      source_.At(frame) + first * from_stride_ * bytes,
                      frame.buffers[buffer_] + first * to_stride_ * bytes, from_stride_, to_stride_,
                      table_.from.data(), table_.to.data(), table_.permutation.data(),
                      table_.permutations.data(), fill_});
  }

  const KernelTable& kernels_;
  const ShuffleTable table_;
  const int64_t channels_, from_stride_, to_stride_;
  const Source source_;
  const int buffer_;
  const float fill_;
};

// Between two layouts of one image, by parts of vectors.
class Merge final : public Operation {
 public:
  Merge(const KernelTable& kernels, const Layout& from, Source source, const Layout& to,
        Target target, float fill)
      : kernels_(kernels),
        table_(TableBetween(from, to, kernels.lanes)),
        source_(source),
        target_(target) {
    task_.channels = from.channels;
    task_.count = static_cast<int64_t>(table_.to.size());
    task_.input_channel_floats = from.ChannelFloats();
    task_.output_channel_floats = to.ChannelFloats();
    task_.to = table_.to.data();
    task_.first = table_.first.data();
    task_.parts = table_.parts.data();
    task_.orders = table_.orders.data();
    task_.fill = fill;
  }

  void Run(const Frame& frame) const noexcept override {
    const auto body = [&](int64_t first, int64_t count) {
      MergeTask task = task_;
      task.channels = count;
      task.input =
          reinterpret_cast<const float*>(source_.At(frame)) + first * task_.input_channel_floats;
      task.output =
          reinterpret_cast<float*>(target_.At(frame)) + first * task_.output_channel_floats;
      kernels_.merge(task);
    };
    ForChannels(frame, task_.channels, task_.count, body);
  }

 private:
  const KernelTable& kernels_;
  const MergeTable table_;
  MergeTask task_{};
  const Source source_;
  const Target target_;
};

// Between plain maps of one image.
class PlainCopy final : public Operation {
 public:
  PlainCopy(const Layout& from, Source source, const Layout& to, Target target)
      : from_(from), to_(to), source_(source), target_(target) {}

  void Run(const Frame& frame) const noexcept override {
    const float* from = reinterpret_cast<const float*>(source_.At(frame));
    float* to = reinterpret_cast<float*>(target_.At(frame));
    const int64_t area = from_.height * from_.width;
    if (from_.channels_last == to_.channels_last || area == 1) {
      std::memcpy(to, from, static_cast<size_t>(from_.channels * area) * sizeof(float));
      return;
    }
    const int64_t in_step = from_.channels_last ? from_.channels : 1;
    const int64_t out_step = to_.channels_last ? from_.channels : 1;
    for (int64_t c = 0; c < from_.channels; ++c)
      for (int64_t i = 0; i < area; ++i)
        to[c * to_.ChannelFloats() + i * out_step] = from[c * from_.ChannelFloats() + i * in_step];
  }

 private:
  const Layout from_, to_;
  const Source source_;
  const Target target_;
};

// Narrow tiles hold too few columns of a row for square blocks, while a vector then takes its lanes
// from few others. With 16 lanes both cost the same at a width of five (measured on Zen 4: 6.4
// against 13 clocks a vector at seven, more than 10 against 7 at four).
bool MergesPlain(const Layout& plain, const Layout& tiled) {
  return !tiled.LanesAreImages() && !plain.channels_last && 3 * tiled.tile_w < tiled.lanes &&
         plain.height * plain.width >= tiled.lanes;
}

OperationPtr MakeToPlain(const KernelTable& kernels, const Layout& from, Source source,
                         const Layout& plain, Target target) {
  if (from.flat) return std::make_unique<PlainCopy>(from, source, plain, target);
  if (MergesPlain(plain, from))
    return std::make_unique<Merge>(kernels, from, source, plain, target, 0.0f);
  return MakeDeinterleave(kernels, from, source, plain, target);
}

// The plain layout of the map in `layout`.
Layout PlainOf(const Layout& layout) {
  Layout plain;
  plain.channels = layout.channels;
  plain.height = layout.height;
  plain.width = layout.width;
  plain.flat = true;
  return plain;
}

// A map becomes a vector: channel after channel, position after position.
ShuffleTable FlattenTable(const Layout& from) {
  Layout tight = from;
  tight.halo = {};
  return CopyTable(from, tight);
}

}  // namespace

OperationPtr MakeHalo(const KernelTable& kernels, const Layout& layout, int buffer) {
  return std::make_unique<Shuffle>(kernels, HaloTable(layout), layout, Source{buffer, -1},
                                   layout.ChannelStride(), buffer, 0.0f);
}

OperationPtr MakeCopy(const KernelTable& kernels, const Layout& from, Source source,
                      const Layout& to, int buffer, float fill) {
  if (to.flat) return MakeToPlain(kernels, from, source, PlainOf(from), Target{buffer});
  if (from.flat && !MergesPlain(from, to))
    return MakeInterleave(kernels, from, source, to, buffer, fill);
  if (!to.LanesAreImages())
    return std::make_unique<Merge>(kernels, from, source, to, Target{buffer}, fill);
  if (from.channels != to.channels)
    return std::make_unique<Shuffle>(kernels, FlattenTable(from), from, source,
                                     from.height * from.width, buffer, fill);
  return std::make_unique<Shuffle>(kernels, CopyTable(from, to), from, source, to.ChannelStride(),
                                   buffer, fill);
}

OperationPtr MakeStore(const KernelTable& kernels, const Layout& from, Source source,
                       const Layout& plain, size_t output) {
  return MakeToPlain(kernels, from, source, plain, Target{-1, output});
}

}  // namespace sparseprune
