// What has been prepared for the shapes seen so far; the one unused for longest goes first.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/plan.h"
#include "engine/program.h"

namespace sparseprune {

// Everything about one set of input shapes, batch included.
struct Prepared {
  std::vector<Shape> inputs, outputs;
  std::vector<int64_t> input_floats, output_floats;  // of one image
  BatchPlan batch;
  std::shared_ptr<const Plan> many, single;  // null where `batch` needs none
};

// For any number of threads at once.
class PlanCache {
 public:
  // Throws InvalidGraph when the shapes do not fit `graph`.
  std::shared_ptr<const Prepared> Find(const Graph& graph, const KernelTable& kernels,
                                       const std::vector<TensorView>& inputs);

 private:
  // What a plan depends on: everything but the batch.
  struct Entry {
    std::vector<Shape> images;
    Mode mode;
    std::shared_ptr<const Plan> plan;
  };

  std::shared_ptr<const Prepared> Prepare(const Graph& graph, const KernelTable& kernels,
                                          const std::vector<TensorView>& inputs);
  std::shared_ptr<const Plan> FindPlan(const Graph& graph, const KernelTable& kernels,
                                       const std::vector<Shape>& inputs,
                                       const std::vector<Shape>& shapes, const Mode& mode);

  std::mutex mutex_;
  std::list<std::shared_ptr<const Prepared>> prepared_;  // latest first, as the plans
  std::list<Entry> plans_;
};

}  // namespace sparseprune
