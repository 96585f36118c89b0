#include <algorithm>

#include "engine/arithmetic.h"
#include "engine/conv.h"
#include "engine/mode.h"
#include "engine/sliced_rows.h"

namespace sparseprune {
namespace {

class Gemv final : public Operation {
 public:
  Gemv(const KernelTable& kernels, const Step& step, Source from, int buffer)
      : from_(from),
        buffer_(buffer),
        in_features_(step.node->in_channels),
        out_features_(step.node->out_channels),
        activation_(step.activation),
        line_(step.line) {
    const WeightMatrix matrix = MatrixOf(*step.node);
    slices_ = std::make_unique<Slices>(matrix, BiasOf(*step.node), kernels);
    work_ = step.node->weight.kept();
    parts_ = slices_->Cut(std::max<int64_t>(work_ / kTaskWork, 1));
    while (GemvKernel kernel = kernels.gemv(slices_->format(), most() + 1))
      kernels_.push_back(kernel);
  }

  int64_t work() const override { return work_; }

  void Run(const Frame& frame) const noexcept override { RunAll(&frame, 1); }

  void RunAll(const Frame* frames, int64_t count) const noexcept override {
    Vectors vectors{this, count, {}, {}};
    for (int64_t i = 0; i < count; ++i) {
      vectors.inputs[i] = reinterpret_cast<const float*>(from_.At(frames[i]));
      vectors.outputs[i] = reinterpret_cast<float*>(frames[i].buffers[buffer_]);
    }
    const auto task = [](void* vectors, size_t i) {
      const Vectors& v = *static_cast<const Vectors*>(vectors);
      v.self->RunPart(v, v.self->parts_[i]);
    };
    Parallel& parallel = *frames->parallel;
    if (work_ * count < 2 * kTaskWork || parallel.width() == 1)
      for (size_t i = 0; i < parts_.size(); ++i) task(&vectors, i);
    else
      parallel.For(parts_.size(), task, &vectors);
  }

 private:
  struct Vectors {
    const Gemv* self;
    int64_t count;
    const float* inputs[kMostTogether];
    float* outputs[kMostTogether];
  };

  int most() const { return static_cast<int>(kernels_.size()); }

  // As many vectors at once as there are accumulators for, in shares as equal as they can be.
  void RunPart(const Vectors& vectors, const SliceRange& part) const {
    const int64_t shares = CeilDiv(vectors.count, most());
    for (int64_t i = 0; i < shares; ++i) {
      const int64_t first = i * vectors.count / shares, last = (i + 1) * vectors.count / shares;
      kernels_[last - first - 1]({slices_->View(part), vectors.inputs + first,
                                  vectors.outputs + first, in_features_, out_features_, activation_,
                                  line_});
    }
  }

  const Source from_;
  const int buffer_;
  const int64_t in_features_, out_features_;
  const Activation activation_;
  const Line line_;
  int64_t work_;
  std::unique_ptr<Slices> slices_;
  std::vector<SliceRange> parts_;
  std::vector<GemvKernel> kernels_;  // for one vector, for two ...
};

}  // namespace

OperationPtr MakeGemv(const KernelTable& kernels, const Step& step, Source from, int buffer) {
  return std::make_unique<Gemv>(kernels, step, from, buffer);
}

}  // namespace sparseprune
