#include "engine/tuner.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "engine/contest.h"
#include "engine/conv.h"

namespace sparseprune {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// All layers that share a key.
struct Entry {
  Group operations;
  std::vector<TileChoice> candidates;  // the best by the cost model first
  size_t best = 0, tried = 1;          // of the candidates
};

class Tuner {
 public:
  Tuner(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode,
        const KernelTable& kernels, const Tuning& known)
      : graph_(graph),
        shapes_(shapes),
        mode_(mode),
        kernels_(kernels),
        known_(known),
        contest_(graph, shapes, mode, kernels.lanes) {
    champion_ = Build(known);
    for (size_t i = 0; i < champion_->operations().size(); ++i)
      AddOperation(i, champion_->operations()[i]->conv_shape());
  }

  void Run(double seconds) {
    const Clock::time_point start = Clock::now();
    const auto limit = std::chrono::duration<double>(seconds);
    const auto deadline = start + std::chrono::duration_cast<Clock::duration>(limit);
    double round = build_seconds_ + contest_.Seconds(*champion_);
    while (HasUntried() && SecondsSince(start) + round <= seconds) {
      const Clock::time_point begin = Clock::now();
      Round(deadline);
      round = SecondsSince(begin);
    }
  }

  Tuning Found() const {
    Tuning found = used_;
    for (const auto& [key, entry] : entries_)
      if (entry.tried > 1 || entry.candidates.size() == 1)
        found[key] = entry.candidates[entry.best];
    return found;
  }

 private:
  std::unique_ptr<Plan> Build(const Tuning& tuning) {
    const Clock::time_point start = Clock::now();
    auto plan = std::make_unique<Plan>(graph_, shapes_, mode_, kernels_, tuning);
    build_seconds_ = SecondsSince(start);
    return plan;
  }

  void AddOperation(size_t index, const ConvShape* shape) {
    if (shape == nullptr) return;
    const std::string key = TuningKey(*shape);
    const auto known = known_.find(key);
    // What cannot be used, as the best tile of a like layer with other block rows, is not known.
    if (known != known_.end() && known->second == ChooseTile(*shape, kernels_, known_)) {
      used_.insert(*known);
      return;
    }
    Entry& entry = entries_[key];
    if (entry.operations.empty()) entry.candidates = RankTiles(*shape, kernels_);
    entry.operations.push_back(index);
  }

  bool HasUntried() const {
    for (const auto& [key, entry] : entries_)
      if (entry.tried < entry.candidates.size()) return true;
    return false;
  }

  // Every layer's next candidate at once, against the best so far.
  void Round(Clock::time_point deadline) {
    Tuning tuning = known_;
    std::vector<Group> groups;
    std::vector<Entry*> racing;
    for (auto& [key, entry] : entries_) {
      const bool races = entry.tried < entry.candidates.size();
      tuning[key] = entry.candidates[races ? entry.tried : entry.best];
      if (!races) continue;
      racing.push_back(&entry);
      groups.push_back(entry.operations);
    }
    const std::unique_ptr<Plan> challenger = Build(tuning);
    const std::vector<bool> faster = contest_.Faster(*champion_, *challenger, groups, deadline);
    for (size_t i = 0; i < racing.size(); ++i) {
      if (faster[i]) {
        racing[i]->best = racing[i]->tried;
        for (size_t operation : racing[i]->operations) champion_->Swap(operation, *challenger);
      }
      ++racing[i]->tried;
    }
  }

  const Graph& graph_;
  const std::vector<Shape>& shapes_;
  const Mode mode_;
  const KernelTable& kernels_;
  const Tuning& known_;
  Contest contest_;
  Tuning used_;  // of the known entries
  std::map<std::string, Entry> entries_;
  std::unique_ptr<Plan> champion_;
  double build_seconds_ = 0;
};

}  // namespace

Tuning Tune(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode,
            const KernelTable& kernels, const Tuning& known, double seconds) {
  Tuner tuner(graph, shapes, mode, kernels, known);
  tuner.Run(seconds);
  return tuner.Found();
}

}  // namespace sparseprune
