// One compact node as a kernel of its own: a graph of one node in the engine.
#pragma once

#include "engine/program.h"
#include "ort/compact.h"

namespace sparseprune::ort {

class CustomOpKernel {
 public:
  // Throws Error, naming the node, for all that is wrong with it.
  CustomOpKernel(const Api& api, const CompactOperator& kind, const abi::KernelInfo* info);

  const Api& api() const { return api_; }
  // Any number of threads may call it at once.
  void Run(abi::KernelContext* context) const;

 private:
  CustomOpKernel(const Api& api, const CompactOperator& kind, const abi::KernelInfo* info,
                 const std::string& title);
  // The shape of the engine's map or matrix that holds an input of this shape, and back from the
  // engine's output.
  Shape Inward(const Shape& shape) const;
  Shape Outward(const Shape& input, const Shape& output) const;

  Api api_;
  std::string title_;
  bool conv_;
  size_t rank_;  // of a convolution's input
  Program program_;
};

}  // namespace sparseprune::ort
