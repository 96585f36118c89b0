#include "engine/operation.h"

namespace sparseprune {
namespace {

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

OperationPtr MakeAverage(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer) {
  return std::make_unique<Average>(kernels, input, from, output, buffer);
}

}  // namespace sparseprune
