// Two plans of one network race on the same data, operation by operation, so that each layer is
// timed where it will run: between its neighbours, with the caches as they leave them.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "engine/plan.h"

namespace sparseprune {

// Operations whose times are added, by their place in the plan.
using Group = std::vector<size_t>;

class Contest {
 public:
  // `shapes` and `mode` as for the plans that will race. Throws std::bad_alloc.
  Contest(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode, int64_t lanes);

  // What a call of Faster takes, as far as one run of `plan` tells.
  double Seconds(const Plan& plan);

  // For each group whether `challenger` is faster than `champion`, beyond what noise explains.
  // Nothing is, where `deadline` does not leave the time to tell. The plans have equal structure.
  std::vector<bool> Faster(const Plan& champion, const Plan& challenger,
                           const std::vector<Group>& groups,
                           std::chrono::steady_clock::time_point deadline);

 private:
  struct Sample {
    std::vector<double> groups;
    double total;
  };

  Sample Time(const Plan& plan, const std::vector<Group>& groups);
  // One pass; adds the seconds of each operation to seconds_.
  void Run(const Plan& plan);

  std::vector<std::vector<float>> inputs_, outputs_;
  std::vector<const float*> input_data_;
  std::vector<float*> output_data_;
  int64_t images_;
  WorkspacePtr workspace_;  // shared, so that both sides' buffers lie at the same addresses
  int repeats_ = 1;
  std::vector<double> seconds_;
};

}  // namespace sparseprune
