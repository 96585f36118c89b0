#include "engine/operation.h"

namespace sparseprune {
namespace {

Region RegionOf(const Layout& layout) { return {layout.channels, layout.tile_h, layout.tile_w}; }

class Elementwise final : public Operation {
 public:
  Elementwise(const KernelTable& kernels, const Layout& a, Source from, const Layout* b,
              Source other, const Layout& to, int buffer, Activation activation)
      : kernels_(kernels),
        a_(a),
        b_(b ? *b : a),
        to_(to),
        from_(from),
        other_(other),
        buffer_(buffer),
        two_(b != nullptr),
        activation_(activation) {}

  void Run(const Frame& frame) const noexcept override {
    const char* a = from_.At(frame);
    const char* b = two_ ? other_.At(frame) : nullptr;
    char* out = frame.buffers[buffer_];
    if (to_.flat) {
      const int64_t count = to_.channels * to_.height * to_.width;
      kernels_.elementwise_flat(reinterpret_cast<const float*>(a),
                                reinterpret_cast<const float*>(b), activation_, count,
                                reinterpret_cast<float*>(out));
      return;
    }
    ElementwiseTask task{RegionOf(to_), ViewOf(a_, a), {}, ViewOf(to_, out), activation_};
    if (two_) task.b = ViewOf(b_, b);
    kernels_.elementwise(task);
  }

 private:
  const KernelTable& kernels_;
  const Layout a_, b_, to_;
  const Source from_, other_;
  const int buffer_;
  const bool two_;
  const Activation activation_;
};

// Lanes outside the map hold zeros (Layout::Mask), so they may take part in the sum.
class Average final : public Operation {
 public:
  Average(const KernelTable& kernels, const Layout& input, Source from, const Layout& output,
          int buffer)
      : kernels_(kernels), input_(input), output_(output), from_(from), buffer_(buffer) {}

  void Run(const Frame& frame) const noexcept override {
    AverageTask task{};
    task.region = RegionOf(input_);
    task.input = ViewOf(input_, from_.At(frame));
    task.area = static_cast<float>(input_.height * input_.width);
    task.sum_lanes = output_.flat;
    task.output = frame.buffers[buffer_];
    task.output_channel_stride = output_.ChannelStride();
    if (!output_.flat) task.output = ViewOf(output_, frame.buffers[buffer_]).data;
    kernels_.average(task);
  }

 private:
  const KernelTable& kernels_;
  const Layout input_, output_;
  const Source from_;
  const int buffer_;
};

}  // namespace

int64_t VectorBytes(const Layout& layout) { return 4 * layout.lanes; }

ConstMapView ViewOf(const Layout& layout, const char* data) {
  return {data + layout.Origin() * VectorBytes(layout), layout.ChannelStride(), layout.RowStride()};
}

MapView ViewOf(const Layout& layout, char* data) {
  return {data + layout.Origin() * VectorBytes(layout), layout.ChannelStride(), layout.RowStride()};
}

OperationPtr MakeElementwise(const KernelTable& kernels, const Layout& a, Source from,
                             const Layout* b, Source other, const Layout& to, int buffer,
                             Activation activation) {
  return std::make_unique<Elementwise>(kernels, a, from, b, other, to, buffer, activation);
}

OperationPtr MakeAverage(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer) {
  return std::make_unique<Average>(kernels, input, from, output, buffer);
}

}  // namespace sparseprune
