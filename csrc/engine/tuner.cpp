#include "engine/tuner.h"

#include <algorithm>
#include <utility>

#include "engine/conv.h"

namespace sparseprune {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Tuner::Tuner(const Graph& graph, std::vector<Shape> shapes, const Mode& mode,
             const KernelTable& kernels, Tuning known, double seconds)
    : graph_(graph),
      shapes_(std::move(shapes)),
      mode_(mode),
      kernels_(kernels),
      known_(std::move(known)),
      contest_(graph, shapes_, mode, kernels.lanes),
      left_(seconds) {}

bool Tuner::Go(Clock::time_point pause) {
  contest_.Pause();
  if (champion_ == nullptr) Start();
  while (!IsOver()) {
    const Clock::time_point start = Clock::now();
    if (start >= pause) return false;
    const bool begins = challenger_ == nullptr;
    if (begins) BeginRound();
    const bool more = begins || contest_.Continue(*champion_, *challenger_);
    const double seconds = SecondsSince(start);
    left_ -= seconds;
    round_ = begins ? seconds : round_ + seconds;
    if (!more || left_ <= 0) EndRound();
  }
  return true;
}

Tuning Tuner::Found() const {
  Tuning found = used_;
  for (const auto& [key, entry] : entries_)
    if (entry.tried > 1 || entry.candidates.size() == 1) found[key] = entry.candidates[entry.best];
  return found;
}

void Tuner::Start() {
  const Clock::time_point start = Clock::now();
  champion_ = Build(known_);
  round_ = SecondsSince(start) + contest_.Seconds(*champion_);
  for (size_t i = 0; i < champion_->operations().size(); ++i)
    AddOperation(i, champion_->operations()[i]->conv_shape());
}

// A round begins only if there is the time to end it.
bool Tuner::IsOver() const {
  if (challenger_ != nullptr) return false;
  return round_ > left_ || std::none_of(entries_.begin(), entries_.end(), [](const auto& entry) {
           return entry.second.HasUntried();
         });
}

std::unique_ptr<Plan> Tuner::Build(const Tuning& tuning) const {
  return std::make_unique<Plan>(graph_, shapes_, mode_, kernels_, tuning);
}

void Tuner::AddOperation(size_t index, const ConvShape* shape) {
  if (shape == nullptr) return;
  const std::string key = TuningKey(*shape);
  const auto known = known_.find(key);
  // What these kernels do not have, as a tile from a stranger's file, is not known.
  if (known != known_.end() && known->second == ChooseTile(*shape, kernels_, known_)) {
    used_.insert(*known);
    return;
  }
  Entry& entry = entries_[key];
  if (entry.operations.empty()) entry.candidates = RankTiles(*shape, kernels_);
  entry.operations.push_back(index);
}

// Every layer's next candidate at once, against the best so far.
void Tuner::BeginRound() {
  Tuning tuning = known_;
  std::vector<Group> groups;
  for (auto& [key, entry] : entries_) {
    const bool races = entry.HasUntried();
    tuning[key] = entry.candidates[races ? entry.tried : entry.best];
    if (races) groups.push_back(entry.operations);
  }
  challenger_ = Build(tuning);
  contest_.Begin(std::move(groups));
}

void Tuner::EndRound() {
  const std::vector<bool> faster = contest_.Faster();
  size_t group = 0;
  for (auto& [key, entry] : entries_) {
    if (!entry.HasUntried()) continue;
    if (faster[group++]) {
      entry.best = entry.tried;
      for (size_t operation : entry.operations) champion_->Swap(operation, *challenger_);
    }
    ++entry.tried;
  }
  challenger_.reset();
}

}  // namespace sparseprune
