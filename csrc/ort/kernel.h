// A claimed subgraph, ready to run: what ONNX Runtime calls when the session runs.
#pragma once

#include <memory>
#include <mutex>

#include "engine/program.h"
#include "engine/tuning_run.h"
#include "ort/translate.h"
#include "ort/tuning_store.h"

namespace sparseprune::ort {

// What a kernel's tuning starts with, and whether it goes on.
struct KernelTuning {
  Tuning known;
  double seconds;  // for every new shape; zero never tunes
  double slice;    // of them, in one run
  std::shared_ptr<const TuningStore> store;
};

class Kernel final : public abi::NodeComputeInfo {
 public:
  // `width` is a hint for how many tasks are worth making at once.
  // `explain`: as in Options.
  Kernel(const Api& api, Translation translation, size_t width, KernelTuning tuning,
         const std::string& explain);

  // Any number of threads may call it at once.
  abi::Status* RunGuarded(abi::KernelContext* context) noexcept;

 private:
  void Run(abi::KernelContext* context);
  // Throws Error where it is to go on in the next run.
  void TuneOnce(const std::vector<TensorView>& inputs);
  void ExplainOnce(const std::vector<TensorView>& inputs);

  Api api_;
  std::vector<size_t> input_slots_;
  std::vector<std::string> input_names_;
  bool tokens_;
  size_t width_;
  double tune_seconds_, tune_slice_;
  std::shared_ptr<const TuningStore> store_;
  std::string explain_;
  Program program_;
  std::mutex mutex_;  // guards:
  std::vector<std::vector<Shape>> tuned_, explained_;
  std::unique_ptr<TuningRun> tuning_;  // what goes on in the next run with these shapes:
  std::vector<Shape> tuning_shapes_;
};

}  // namespace sparseprune::ort
