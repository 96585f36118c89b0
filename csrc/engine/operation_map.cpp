#include "engine/operation.h"

namespace sparseprune {
namespace {

class MaxPool final : public Operation {
 public:
  MaxPool(const KernelTable& kernels, const int64_t (&kernel)[2], const int64_t (&stride)[2],
          const int64_t (&pad)[2], const Layout& input, Source from, const Layout& output,
          int buffer)
      : kernels_(kernels),
        task_{},
        input_(input),
        output_(output),
        from_(from),
        buffer_(buffer),
        mask_(output.Mask()),
        first_(pad[0] * input.RowStride() + pad[1]) {
    task_.region = RegionOf(output);
    task_.mask = MaskData(mask_);
    for (int axis = 0; axis < 2; ++axis) {
      task_.kernel[axis] = kernel[axis];
      task_.stride[axis] = stride[axis];
    }
  }

  void Run(const Frame& frame) const noexcept override {
    PoolTask task = task_;
    task.input = ViewOf(input_, from_.At(frame));
    task.input.data -= first_ * VectorBytes(input_);
    task.output = ViewOf(output_, frame.buffers[buffer_]);
    kernels_.max_pool(task);
  }

 private:
  const KernelTable& kernels_;
  PoolTask task_;
  const Layout input_, output_;
  const Source from_;
  const int buffer_;
  const std::vector<int32_t> mask_;
  const int64_t first_;
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

const char* MaskData(const std::vector<int32_t>& mask) {
  return mask.empty() ? nullptr : reinterpret_cast<const char*>(mask.data());
}

Region RegionOf(const Layout& layout) { return {layout.channels, layout.tile_h, layout.tile_w}; }

int64_t VectorBytes(const Layout& layout) { return 4 * layout.lanes; }

ConstMapView ViewOf(const Layout& layout, const char* data) {
  return {data + layout.Origin() * VectorBytes(layout), layout.ChannelStride(), layout.RowStride()};
}

MapView ViewOf(const Layout& layout, char* data) {
  return {data + layout.Origin() * VectorBytes(layout), layout.ChannelStride(), layout.RowStride()};
}

OperationPtr MakeMaxPool(const KernelTable& kernels, const int64_t (&kernel)[2],
                         const int64_t (&stride)[2], const int64_t (&pad)[2], const Layout& input,
                         Source from, const Layout& output, int buffer) {
  return std::make_unique<MaxPool>(kernels, kernel, stride, pad, input, from, output, buffer);
}

OperationPtr MakeAverage(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer) {
  return std::make_unique<Average>(kernels, input, from, output, buffer);
}

}  // namespace sparseprune
