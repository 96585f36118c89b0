// Two plans of one network race on the same data, operation by operation, so that each layer is
// timed where it will run: between its neighbours, with the caches as they leave them.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "engine/plan.h"

namespace sparseprune {

// Operations whose times are added, by their place in the plan.
using Group = std::vector<size_t>;

class Contest {
 public:
  // `shapes` and `mode` as for the plans that will race. Throws std::bad_alloc.
  Contest(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode, int64_t lanes);

  // What a race takes, as far as one run of `plan` tells.
  double Seconds(const Plan& plan);

  // A new race, of the operations of each group.
  void Begin(std::vector<Group> groups);
  // One more pair of runs. False once there are enough. The plans have equal structure and are the
  // same for all pairs of a race.
  bool Continue(const Plan& champion, const Plan& challenger);
  // Others have run since the last pair, so the champion's time then says nothing of the next one.
  void Pause() { before_.reset(); }
  // For each group whether the challenger is faster, beyond what noise explains. Nothing is, where
  // the race ended before there were enough pairs to tell.
  std::vector<bool> Faster() const;

 private:
  struct Sample {
    std::vector<double> groups;
    double total;
  };
  // One challenger between two champions.
  struct Pair {
    double unrest;               // how far the champions lie apart
    std::vector<double> ratios;  // challenger's time by champion's, of each group
  };

  static bool IsFaster(const std::vector<Pair>& pairs, size_t group);
  Sample Time(const Plan& plan);
  // One pass; adds the seconds of each operation to seconds_.
  void Run(const Plan& plan);

  std::vector<std::vector<float>> inputs_, outputs_;
  std::vector<const float*> input_data_;
  std::vector<float*> output_data_;
  int64_t images_;
  WorkspacePtr workspace_;  // shared, so that both sides' buffers lie at the same addresses
  int repeats_ = 1;
  std::vector<double> seconds_;
  std::vector<Group> groups_;
  std::vector<Pair> pairs_;
  size_t steady_ = 0;             // of the pairs
  std::optional<Sample> before_;  // the champion, just now
};

}  // namespace sparseprune
