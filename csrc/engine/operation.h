// The steps of a plan as they run: everything is decided, nothing allocates or throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/graph.h"
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
Region RegionOf(const Layout& layout);
// Null for an empty mask (Layout::Mask).
const char* MaskData(const std::vector<int32_t>& mask);

struct ElementwisePlaces {
  Layout input, other, output;  // of equal tiles, but for `join`
  Source from, other_from;
  int buffer;
  Join join;  // with `other`; of kVectors and kFloats that has one position
};
// activation(scale (input join other) + shift).
struct Epilogue {
  const Node* scale;  // kScale; null: none
  Activation activation;
  Line line;
};
OperationPtr MakeElementwise(const KernelTable& kernels, const ElementwisePlaces& places,
                             const Epilogue& epilogue);
// `input` has the halo the windows need, filled with what must not win (max) or with zeros.
OperationPtr MakeMaxPool(const KernelTable& kernels, const Window& window, const Layout& input,
                         Source from, const Layout& output, int buffer);
// Every window holds a position of the map.
OperationPtr MakeAveragePool(const KernelTable& kernels, const Window& window, bool count_padding,
                             const Layout& input, Source from, const Layout& output, int buffer);
OperationPtr MakeAverage(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer);
// Of vectors (N x F).
OperationPtr MakeSoftmax(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer);
OperationPtr MakeResize(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                        const Layout& output, int buffer);
// kBilinear from tiles with one repeated position around them, as MakeEdgeCopy makes them.
OperationPtr MakeBilinearInLanes(const KernelTable& kernels, const Layout& input, Source from,
                                 const Layout& output, int buffer);
OperationPtr MakeEdgeCopy(const KernelTable& kernels, const Layout& input, Source from,
                          const Layout& output, int buffer);
OperationPtr MakeHalo(const KernelTable& kernels, const Layout& layout, int buffer);
// `from` and `to` hold the same map, or `to` is its flattened vector.
OperationPtr MakeCopy(const KernelTable& kernels, const Layout& from, Source source,
                      const Layout& to, int buffer, float fill);
// To an output of the graph, for the live images: `plain` is the layout of one.
OperationPtr MakeStore(const KernelTable& kernels, const Layout& from, Source source,
                       const Layout& plain, size_t output);

}  // namespace sparseprune
