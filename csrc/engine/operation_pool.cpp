#include <algorithm>
#include <utility>

#include "engine/channels.h"

namespace sparseprune {
namespace {

using PoolKernel = void (*)(const PoolTask&);

class Pool final : public Operation {
 public:
  Pool(PoolKernel kernel, const Window& window, const Layout& input, Source from,
       const Layout& output, int buffer)
      : kernel_(kernel),
        input_(input),
        output_(output),
        from_(from),
        buffer_(buffer),
        first_(window.pad_begin[0] * input.RowStride() + window.pad_begin[1]) {
    task_.region = RegionOf(output);
    for (int axis = 0; axis < 2; ++axis) {
      task_.kernel[axis] = window.kernel[axis];
      task_.stride[axis] = window.stride[axis];
    }
  }

  void MaskWith(std::vector<int32_t> mask) {
    mask_ = std::move(mask);
    task_.mask = MaskData(mask_);
  }
  void ScaleWith(std::vector<float> factors) {
    factors_ = std::move(factors);
    task_.factors = factors_.data();
  }

  void Run(const Frame& frame) const noexcept override {
    const auto body = [&](int64_t first, int64_t count) {
      PoolTask task = task_;
      task.region.channels = count;
      task.input = Skip(ViewOf(input_, from_.At(frame)), first, output_.lanes);
      task.input.data -= first_ * VectorBytes(input_);
      task.output = Skip(ViewOf(output_, frame.buffers[buffer_]), first, output_.lanes);
      kernel_(task);
    };
    ForChannels(frame, task_.region.channels, task_.region.rows * task_.region.cols, body);
  }

 private:
  const PoolKernel kernel_;
  PoolTask task_{};
  const Layout input_, output_;
  const Source from_;
  const int buffer_;
  std::vector<int32_t> mask_;
  std::vector<float> factors_;
  const int64_t first_;
};

// Positions of `extent` that the window of output position `at` holds.
int64_t WindowSize(const Window& w, int axis, int64_t at, int64_t extent) {
  const int64_t first = at * w.stride[axis] - w.pad_begin[axis];
  return std::min(first + w.kernel[axis], extent) - std::max<int64_t>(first, 0);
}

// One over the size of each output vector's windows; zero in lanes outside the map.
std::vector<float> Factors(const Window& w, bool count_padding, const Layout& input,
                           const Layout& output) {
  std::vector<float> factors;
  output.ForEachPosition({}, [&](int64_t y, int64_t x) {
    for (int64_t lane = 0; lane < output.lanes; ++lane) {
      const int64_t row = output.MapY(y, lane), col = output.MapX(x, lane);
      int64_t size = w.kernel[0] * w.kernel[1];
      if (!count_padding)
        size = WindowSize(w, 0, row, input.height) * WindowSize(w, 1, col, input.width);
      factors.push_back(output.Inside(row, col) ? 1 / static_cast<float>(size) : 0.0f);
    }
  });
  return factors;
}

}  // namespace

OperationPtr MakeMaxPool(const KernelTable& kernels, const Window& window, const Layout& input,
                         Source from, const Layout& output, int buffer) {
  auto pool = std::make_unique<Pool>(kernels.max_pool, window, input, from, output, buffer);
  pool->MaskWith(output.Mask());
  return pool;
}

OperationPtr MakeAveragePool(const KernelTable& kernels, const Window& window, bool count_padding,
                             const Layout& input, Source from, const Layout& output, int buffer) {
  auto pool = std::make_unique<Pool>(kernels.average_pool, window, input, from, output, buffer);
  pool->ScaleWith(Factors(window, count_padding, input, output));
  return pool;
}

}  // namespace sparseprune
