// The parts kResize is made of.
#pragma once

#include "engine/operation.h"

namespace sparseprune {

// Writes the tiles of `output`, position by position, and its halo where `with_halo`.
class Resized : public Operation {
 public:
  Resized(const KernelTable& kernels, const Layout& input, Source from, const Layout& output,
          int buffer, bool with_halo = false);
  void Run(const Frame& frame) const noexcept final;

 protected:
  virtual void RunChannels(int64_t channels, const float* input, char* output) const noexcept = 0;

  int64_t Count() const { return static_cast<int64_t>(to_.size()); }
  // Of the tiles in the order they are written: y and x of the first lane.
  template <typename Visit>
  void ForEachPosition(const Visit& visit) const {
    output_.ForEachPosition(with_halo_ ? output_.halo : Halo{}, visit);
  }

  const KernelTable& kernels_;
  const Layout input_, output_;
  const Source from_;
  const int buffer_;
  const bool with_halo_;
  std::vector<int32_t> to_;
};

OperationPtr MakeNearest(const KernelTable& kernels, const Layout& input, Source from,
                         const Layout& output, int buffer);
OperationPtr MakeBilinear(const KernelTable& kernels, Resize mode, const Layout& input, Source from,
                          const Layout& output, int buffer);

}  // namespace sparseprune
