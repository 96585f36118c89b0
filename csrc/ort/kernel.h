// A claimed subgraph, ready to run: what ONNX Runtime calls when the session runs.
#pragma once

#include "engine/program.h"
#include "ort/translate.h"

namespace sparseprune::ort {

class Kernel final : public abi::NodeComputeInfo {
 public:
  // `width` is a hint for how many tasks are worth making at once.
  Kernel(const Api& api, Translation translation, size_t width);

  // Any number of threads may call it at once.
  abi::Status* RunGuarded(abi::KernelContext* context) const noexcept;

 private:
  void Run(abi::KernelContext* context) const;

  Api api_;
  std::vector<size_t> input_slots_;
  std::vector<std::string> input_names_;
  bool tokens_;
  size_t width_;
  Program program_;
};

}  // namespace sparseprune::ort
