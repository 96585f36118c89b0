#include <algorithm>
#include <cstring>

#include "engine/mode.h"
#include "engine/operation.h"

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
    kernels_.shuffle({channels_, static_cast<int64_t>(table_.to.size()), source_.At(frame),
                      frame.buffers[buffer_], from_stride_, to_stride_, table_.from.data(),
                      table_.to.data(), table_.permutation.data(), table_.permutations.data(),
                      fill_});
  }

 private:
  const KernelTable& kernels_;
  const ShuffleTable table_;
  const int64_t channels_, from_stride_, to_stride_;
  const Source source_;
  const int buffer_;
  const float fill_;
};

GatherTask TaskOf(const GatherTable& table, const Layout& from, const Layout& to, float fill) {
  GatherTask task{};
  task.channels = to.channels;
  task.count = static_cast<int64_t>(table.to.size());
  task.input_channel_floats =
      from.flat ? from.height * from.width : from.ChannelStride() * from.lanes;
  task.index = table.index.data();
  task.output_channel_stride = to.ChannelStride();
  task.to = table.to.data();
  task.fill = fill;
  return task;
}

// From one image.
class Gather final : public Operation {
 public:
  Gather(const KernelTable& kernels, const Layout& from, Source source, const Layout& to,
         int buffer, float fill)
      : kernels_(kernels),
        table_(TableTo(from, to)),
        task_(TaskOf(table_, from, to, fill)),
        source_(source),
        buffer_(buffer) {}

  void Run(const Frame& frame) const noexcept override {
    GatherTask task = task_;
    task.input = reinterpret_cast<const float*>(source_.At(frame));
    task.output = frame.buffers[buffer_];
    kernels_.gather(task);
  }

 private:
  const KernelTable& kernels_;
  const GatherTable table_;
  const GatherTask task_;
  const Source source_;
  const int buffer_;
};

// From the images of one pass into their lanes.
class GatherImages final : public Operation {
 public:
  GatherImages(const KernelTable& kernels, const Layout& from, Source source, const Layout& to,
               int buffer, float fill)
      : kernels_(kernels),
        table_(TableTo(from, to)),
        task_(TaskOf(table_, from, to, fill)),
        image_(from.channels * from.height * from.width),
        lanes_(to.lanes),
        groups_(VectorOfImages(from, to) ? to.height : 1),
        source_(source),
        buffer_(buffer),
        group_(table_.to.size(), 0) {
    if (groups_ == 1) return;
    for (size_t v = 0; v < group_.size(); ++v) group_[v] = static_cast<int32_t>(v);
    std::fill(table_.index.begin(), table_.index.end(), 0);
  }

  void Run(const Frame& frame) const noexcept override {
    int32_t bases[kMostGroups * kMostLanes];
    for (int64_t i = 0; i < groups_ * lanes_; ++i)
      bases[i] = static_cast<int32_t>(std::min(i, frame.images - 1) * image_);
    GatherLanesTask task{task_, bases, group_.data()};
    task.gather.input = reinterpret_cast<const float*>(source_.At(frame));
    task.gather.output = frame.buffers[buffer_];
    kernels_.gather_lanes(task);
  }

 private:
  static constexpr int64_t kMostLanes = 16;
  // A vector's rows are groups of images, not positions of one.
  static bool VectorOfImages(const Layout& from, const Layout& to) {
    return to.height != from.height;
  }

  const KernelTable& kernels_;
  GatherTable table_;
  const GatherTask task_;
  const int64_t image_, lanes_, groups_;
  const Source source_;
  const int buffer_;
  std::vector<int32_t> group_;
};

// Float indices of the positions of one channel, in the order of a plain map.
std::vector<int32_t> Positions(const Layout& layout) {
  std::vector<int32_t> positions;
  for (int64_t y = 0; y < layout.height; ++y)
    for (int64_t x = 0; x < layout.width; ++x)
      positions.push_back(static_cast<int32_t>(layout.FloatIndex(y, x)));
  return positions;
}

// `channels` channels of `layout` from `from` on.
void Scatter(const Layout& layout, const std::vector<int32_t>& positions, int64_t channels,
             const float* from, float* to) {
  for (int64_t c = 0; c < channels; ++c, from += layout.ChannelStride() * layout.lanes)
    for (int32_t position : positions) *to++ = from[position];
}

// From lanes to the plain map of one image.
class Flatten final : public Operation {
 public:
  Flatten(const Layout& from, Source source, int buffer)
      : from_(from), positions_(Positions(from)), source_(source), buffer_(buffer) {}

  void Run(const Frame& frame) const noexcept override {
    Scatter(from_, positions_, from_.channels, reinterpret_cast<const float*>(source_.At(frame)),
            reinterpret_cast<float*>(frame.buffers[buffer_]));
  }

 private:
  const Layout from_;
  const std::vector<int32_t> positions_;
  const Source source_;
  const int buffer_;
};

class Store final : public Operation {
 public:
  Store(const Layout& layout, Source source, size_t output, bool row_per_group)
      : layout_(layout), source_(source), output_(output), row_per_group_(row_per_group) {
    if (!layout.flat) positions_ = Positions(layout);
    if (row_per_group) positions_.resize(1);
  }

  void Run(const Frame& frame) const noexcept override {
    const float* from = reinterpret_cast<const float*>(source_.At(frame));
    float* to = frame.outputs[output_];
    const int64_t image = layout_.channels * (row_per_group_ ? 1 : layout_.height) * layout_.width;
    if (layout_.flat) {
      std::memcpy(to, from, static_cast<size_t>(image) * sizeof(float));
      return;
    }
    for (int64_t c = 0; c < layout_.channels; c += kBlock)
      for (int64_t i = 0; i < frame.images; ++i)
        StoreChannels(c, from + ImageStart(i), to + i * image);
  }

 private:
  // All images read the same cache lines, one lane each: few enough channels to keep them in L1.
  static constexpr int64_t kBlock = 16;

  void StoreChannels(int64_t first, const float* from, float* to) const {
    Scatter(layout_, positions_, std::min(kBlock, layout_.channels - first),
            from + first * layout_.ChannelStride() * layout_.lanes,
            to + first * static_cast<int64_t>(positions_.size()));
  }

  int64_t ImageStart(int64_t image) const {
    return image % layout_.lanes + image / layout_.lanes * layout_.RowStride() * layout_.lanes;
  }

  const Layout layout_;
  const Source source_;
  const size_t output_;
  const bool row_per_group_;
  std::vector<int32_t> positions_;
};

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
  if (to.flat) return std::make_unique<Flatten>(from, source, buffer);
  if (!to.LanesAreImages())
    return std::make_unique<Gather>(kernels, from, source, to, buffer, fill);
  if (from.flat) return std::make_unique<GatherImages>(kernels, from, source, to, buffer, fill);
  if (from.channels != to.channels)
    return std::make_unique<Shuffle>(kernels, FlattenTable(from), from, source,
                                     from.height * from.width, buffer, fill);
  return std::make_unique<Shuffle>(kernels, CopyTable(from, to), from, source, to.ChannelStride(),
                                   buffer, fill);
}

OperationPtr MakeStore(const Layout& layout, Source source, size_t output, bool row_per_group) {
  return std::make_unique<Store>(layout, source, output, row_per_group);
}

}  // namespace sparseprune
