// The ways MakeCopy and MakeStore move a map.
#pragma once

#include "engine/operation.h"

namespace sparseprune {

// A buffer of the workspace, or an output of the graph.
struct Target {
  int buffer = -1;
  size_t output = 0;  // without a buffer
  char* At(const Frame& frame) const {
    if (buffer >= 0) return frame.buffers[buffer];
    return reinterpret_cast<char*>(frame.outputs[output]);
  }
};

// Between the plain maps of one image or of the images of a pass, and lanes. What lies outside the
// map becomes `fill`.
OperationPtr MakeInterleave(const KernelTable& kernels, const Layout& plain, Source source,
                            const Layout& tiled, int buffer, float fill);
OperationPtr MakeDeinterleave(const KernelTable& kernels, const Layout& tiled, Source source,
                              const Layout& plain, Target target);

}  // namespace sparseprune
