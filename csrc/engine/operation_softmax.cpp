#include "engine/operation.h"

namespace sparseprune {
namespace {

class Softmax final : public Operation {
 public:
  Softmax(const KernelTable& kernels, const Layout& input, Source from, const Layout& output,
          int buffer)
      : kernels_(kernels), input_(input), output_(output), from_(from), buffer_(buffer) {}

  void Run(const Frame& frame) const noexcept override {
    const char* from = from_.At(frame);
    char* to = frame.buffers[buffer_];
    if (output_.flat) {
      kernels_.softmax_flat(reinterpret_cast<const float*>(from), output_.channels,
                            reinterpret_cast<float*>(to));
      return;
    }
    kernels_.softmax({output_.channels, output_.tile_h, ViewOf(input_, from).data,
                      ViewOf(output_, to).data, input_.ChannelStride(), output_.ChannelStride()});
  }

 private:
  const KernelTable& kernels_;
  const Layout input_, output_;
  const Source from_;
  const int buffer_;
};

}  // namespace

OperationPtr MakeSoftmax(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer) {
  return std::make_unique<Softmax>(kernels, input, from, output, buffer);
}

}  // namespace sparseprune
