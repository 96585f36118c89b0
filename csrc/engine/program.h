// A network made ready to run: validated once, planned and packed once per input shape.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/describe.h"
#include "engine/graph.h"
#include "engine/parallel.h"
#include "engine/tuning.h"

namespace sparseprune {

struct TensorView {
  const float* data;
  Shape shape;
};

// Called once per output, when its shape is known; returns room for it.
using OutputAllocator = std::function<float*(size_t index, const Shape& shape)>;

class TuningRun;

class Program {
 public:
  // Throws InvalidGraph. `isa` is "", for the best this CPU has, or a name of AvailableIsas() in
  // isa.h. Entries of `tuning` that do not fit are ignored.
  explicit Program(Graph graph, const std::string& isa = "", Tuning tuning = {});
  ~Program();

  size_t output_count() const;
  const char* isa() const;

  // Throws InvalidGraph when a shape does not fit (the node and both shapes are named).
  std::vector<Shape> OutputShapes(const std::vector<Shape>& inputs) const;

  // Any number of threads may call Run at once. Throws InvalidGraph or std::bad_alloc.
  void Run(const std::vector<TensorView>& inputs, const OutputAllocator& outputs,
           Parallel& parallel) const;

  // Will time tiles of the layers that have none in the tuning yet, for about `seconds`, and the
  // program runs with the fastest from then on (tuning_run.h). Others may call Run meanwhile. The
  // program outlives it. Throws InvalidGraph or std::bad_alloc.
  std::unique_ptr<TuningRun> StartTuning(const std::vector<Shape>& inputs, double seconds);

  // How inputs of these shapes run. Throws InvalidGraph, or std::bad_alloc.
  std::vector<LayerReport> Describe(const std::vector<Shape>& inputs) const;

  // What it was given and what was found.
  Tuning tuning() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sparseprune
