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

// All inputs hold the same number of images: this many. Throws InvalidGraph.
int64_t BatchOf(const std::vector<Shape>& inputs);

// For any number of threads at once. Of plans, only the few in the cache and those of running
// calls are alive: what refers to a plan goes with it.
class PlanCache {
 public:
  // Throws InvalidGraph when the shapes do not fit `graph`.
  std::shared_ptr<const Prepared> Find(const Graph& graph, const KernelTable& kernels,
                                       const std::vector<TensorView>& inputs);

  // Drops what is cached, and plans with `tuning` from now on.
  void SetTuning(Tuning tuning);
  // The same with entries that go before those it has. Drops nothing where they change nothing.
  void AddTuning(const Tuning& found);
  Tuning tuning() const;

 private:
  using PreparedPtr = std::shared_ptr<const Prepared>;
  using PlanPtr = std::shared_ptr<const Plan>;

  // What a plan depends on: everything but the batch.
  struct Entry {
    std::vector<Shape> images;
    Mode mode;
    PlanPtr plan;
  };

  PreparedPtr Prepare(const Graph& graph, const KernelTable& kernels,
                      const std::vector<TensorView>& inputs);
  PlanPtr FindPlan(const Graph& graph, const KernelTable& kernels, const std::vector<Shape>& inputs,
                   const std::vector<Shape>& shapes, const Mode& mode);

  // With the mutex held:
  void Replace(std::shared_ptr<const Tuning> tuning);
  PlanPtr KnownPlan(const std::vector<Shape>& images, const Mode& mode);  // null: none
  void DropOldestPlan();
  void Touch(const PlanPtr& plan);        // it is used: not the next to go
  bool Holds(const PlanPtr& plan) const;  // or it is null

  mutable std::mutex mutex_;
  std::shared_ptr<const Tuning> tuning_ = std::make_shared<Tuning>();
  std::list<PreparedPtr> prepared_;  // latest first, as the plans
  std::list<Entry> plans_;
};

}  // namespace sparseprune
