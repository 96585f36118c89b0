// The steps of a plan as they run: everything is decided, nothing allocates or throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/layout.h"
#include "engine/parallel.h"
#include "engine/tuning.h"
#include "kernels/table.h"

namespace sparseprune {

// One pass: where the buffers of its workspace and its images are.
struct Frame {
  char* const* buffers;
  const float* const* inputs;
  float* const* outputs;
  int64_t images;  // live ones; lanes beyond repeat the last
  Parallel* parallel;
};

// A buffer of the workspace, or an input of the graph.
struct Source {
  int buffer = -1, input = -1;
  const char* At(const Frame& frame) const {
    if (input >= 0) return reinterpret_cast<const char*>(frame.inputs[input]);
    return frame.buffers[buffer];
  }
};

class Operation {
 public:
  virtual ~Operation() = default;
  virtual void Run(const Frame& frame) const noexcept = 0;
  // For several passes side by side.
  virtual void RunAll(const Frame* frames, int64_t count) const noexcept {
    for (int64_t i = 0; i < count; ++i) Run(frames[i]);
  }
  // Multiply-adds of one pass, as far as they matter.
  virtual int64_t work() const { return 0; }
  // What its tiles were chosen for; null for all but convolutions.
  virtual const ConvShape* conv_shape() const { return nullptr; }
};
using OperationPtr = std::unique_ptr<Operation>;

// Where a lane-tiled map of `layout` starts, and its strides, for the kernels.
ConstMapView ViewOf(const Layout& layout, const char* data);
MapView ViewOf(const Layout& layout, char* data);
int64_t VectorBytes(const Layout& layout);

OperationPtr MakeElementwise(const KernelTable& kernels, const Layout& a, Source from,
                             const Layout* b, Source other, const Layout& to, int buffer,
                             Activation activation);
OperationPtr MakeMaxPool(const KernelTable& kernels, const int64_t (&kernel)[2],
                         const int64_t (&stride)[2], const int64_t (&pad)[2], const Layout& input,
                         Source from, const Layout& output, int buffer);
OperationPtr MakeAverage(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer);
OperationPtr MakeHalo(const KernelTable& kernels, const Layout& layout, int buffer);
// `from` and `to` hold the same map, or `to` is its flattened vector.
OperationPtr MakeCopy(const KernelTable& kernels, const Layout& from, Source source,
                      const Layout& to, int buffer, float fill);
// From a buffer to an output of the graph, for the live images.
// `row_per_group`: the rows of `layout` are groups of images, not positions of one.
OperationPtr MakeStore(const Layout& layout, Source source, size_t output, bool row_per_group);

}  // namespace sparseprune
