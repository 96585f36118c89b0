// The tuning of a network for one set of input shapes, a while at a time.
#pragma once

#include <memory>
#include <vector>

#include "engine/plan_cache.h"
#include "engine/tuner.h"

namespace sparseprune {

class TuningRun {
 public:
  // Layers that have no tile in the tuning of `plans` yet get about `seconds` in all, at most an
  // hour. Graph, kernels and plans outlive it. Throws InvalidGraph.
  TuningRun(const Graph& graph, const KernelTable& kernels, PlanCache& plans,
            const std::vector<Shape>& inputs, double seconds);

  // Goes on for about `seconds` on this thread. True at the end; what was found is in use then.
  // Throws InvalidGraph or std::bad_alloc.
  bool Go(double seconds);

  // All layers for these shapes, at the end.
  const Tuning& found() const { return found_; }

 private:
  const Graph& graph_;
  const KernelTable& kernels_;
  PlanCache& plans_;
  const std::vector<Shape> shapes_;
  const Tuning known_;
  std::vector<Mode> modes_;  // those to come, the next one last
  double share_;             // seconds for each of them
  std::unique_ptr<Tuner> tuner_;
  Tuning found_;
};

}  // namespace sparseprune
