// A network made ready to run: validated once, planned and packed once per input shape.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/graph.h"
#include "engine/parallel.h"

namespace sparseprune {

struct TensorView {
  const float* data;
  Shape shape;
};

// Called once per output, when its shape is known; returns room for it.
using OutputAllocator = std::function<float*(size_t index, const Shape& shape)>;

class Program {
 public:
  // Throws InvalidGraph. `isa` is "", for the best this CPU has, or a name of AvailableIsas() in
  // isa.h.
  explicit Program(Graph graph, const std::string& isa = "");
  ~Program();

  size_t output_count() const;

  // Throws InvalidGraph when a shape does not fit (the node and both shapes are named).
  std::vector<Shape> OutputShapes(const std::vector<Shape>& inputs) const;

  // Any number of threads may call Run at once. Throws InvalidGraph or std::bad_alloc.
  void Run(const std::vector<TensorView>& inputs, const OutputAllocator& outputs,
           Parallel& parallel) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sparseprune
