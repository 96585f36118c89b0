#include <algorithm>
#include <numeric>

#include "engine/arithmetic.h"
#include "engine/conv.h"

namespace sparseprune {
namespace {

class Gemv final : public Operation {
 public:
  Gemv(const KernelTable& kernels, const Step& step, Source from, int buffer)
      : kernels_(kernels),
        bias_(BiasOf(*step.node)),
        from_(from),
        buffer_(buffer),
        activation_(step.activation) {
    const WeightMatrix matrix = MatrixOf(*step.node);
    const bool panels = 2 * CountBlocked(matrix, kernels.lanes, true) > CountKept(matrix);
    Blocking blocking{{}, true};
    if (panels) blocking.widths = {kernels.lanes};
    std::vector<int64_t> offsets(static_cast<size_t>(matrix.taps));
    std::iota(offsets.begin(), offsets.end(), 0);
    const std::vector<TapRange> ranges = SplitTaps(offsets, matrix.taps);
    work_ = CountKept(matrix);
    const int64_t parts = std::max<int64_t>(work_ / kTaskWork, 1);
    const int64_t rows = CeilDiv(CeilDiv(matrix.rows, parts), kernels.lanes) * kernels.lanes;
    for (int64_t first = 0; first < matrix.rows; first += rows)
      parts_.push_back(
          Pack(matrix, offsets, ranges, first, std::min(first + rows, matrix.rows), blocking));
  }

  int64_t work() const override { return work_; }

  void Run(const Frame& frame) const noexcept override {
    struct Context {
      const Gemv* self;
      const Frame* frame;
    } context{this, &frame};
    const auto task = [](void* context, size_t i) {
      const Context& c = *static_cast<const Context*>(context);
      c.self->RunPart(*c.frame, c.self->parts_[i]);
    };
    if (parts_.size() == 1 || frame.parallel->width() == 1)
      for (size_t i = 0; i < parts_.size(); ++i) task(&context, i);
    else
      frame.parallel->For(parts_.size(), task, &context);
  }

 private:
  void RunPart(const Frame& frame, const std::vector<Segment>& part) const {
    const float* input = reinterpret_cast<const float*>(from_.At(frame));
    float* output = reinterpret_cast<float*>(frame.buffers[buffer_]);
    for (const Segment& segment : part) {
      const GemvTask task{segment.View(bias_.data()), input + segment.base, output,
                          static_cast<int64_t>(bias_.size()), activation_};
      (segment.block_rows == 1 ? kernels_.gemv : kernels_.gemv_panel)(task);
    }
  }

  const KernelTable& kernels_;
  const std::vector<float> bias_;
  const Source from_;
  const int buffer_;
  const Activation activation_;
  int64_t work_;
  std::vector<std::vector<Segment>> parts_;
};

}  // namespace

OperationPtr MakeGemv(const KernelTable& kernels, const Step& step, Source from, int buffer) {
  return std::make_unique<Gemv>(kernels, step, from, buffer);
}

}  // namespace sparseprune
