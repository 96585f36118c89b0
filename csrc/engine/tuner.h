// Finds tiles by timing them inside the running network, a while at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/contest.h"
#include "engine/mode.h"
#include "engine/tuning.h"

namespace sparseprune {

// Only tiles change, so results with and without differ by no more than the rounding of sums in
// another order.
class Tuner {
 public:
  // To take about `seconds` in all. `shapes` as for Plan; graph and kernels outlive the tuner.
  Tuner(const Graph& graph, std::vector<Shape> shapes, const Mode& mode, const KernelTable& kernels,
        Tuning known, double seconds);

  // Goes on until `pause`, or the end: true once all candidates have been tried or no time is left.
  // What it does at a time, packing the weights once or running the network twice, is not broken
  // off. Throws InvalidGraph or std::bad_alloc; then nothing more may be asked.
  bool Go(std::chrono::steady_clock::time_point pause);

  // Of the graph's layers the entries of `known`, and for other layers the tiles that ran fastest
  // of those there was time to try.
  Tuning Found() const;

 private:
  // All layers that share a key.
  struct Entry {
    Group operations;
    std::vector<TileChoice> candidates;  // the best by the cost model first
    size_t best = 0, tried = 1;          // of the candidates
    bool HasUntried() const { return tried < candidates.size(); }
  };

  void Start();
  void BeginRound();
  void EndRound();
  bool IsOver() const;
  std::unique_ptr<Plan> Build(const Tuning& tuning) const;
  void AddOperation(size_t index, const ConvShape* shape);

  const Graph& graph_;
  const std::vector<Shape> shapes_;
  const Mode mode_;
  const KernelTable& kernels_;
  const Tuning known_;
  Contest contest_;
  Tuning used_;  // of the known entries
  std::map<std::string, Entry> entries_;
  std::unique_ptr<Plan> champion_, challenger_;  // the second between the ends of a round
  double left_;                                  // seconds, from the first round on
  double round_ = 0;                             // seconds of this round, or of the last one
};

}  // namespace sparseprune
