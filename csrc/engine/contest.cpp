#include "engine/contest.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "engine/shapes.h"

namespace sparseprune {
namespace {

// Shared machines change between a quiet and a busy state that last seconds each; in the busy one
// code that loads much loses 14 to 28 %, code that computes much loses nothing. A pair is steady
// where the champion took the same time just before and just after the challenger, to within:
constexpr double kSteady = 0.05;
// Pairs that a verdict rests on, at least and at most; as many are tried until enough are steady.
// Where they do not become so, the steadiest count.
constexpr size_t kFewestPairs = 5, kPairs = 7, kMostPairs = 14;
// A candidate must gain this much in the median, and anything in three pairs of four: two equal
// ones whose times scatter by 1 % swap places in one comparison of fifty, which harms nobody.
constexpr double kGain = 0.01;
// Short networks are repeated until a sample takes this long: an interrupt costs microseconds, and
// caches that the other side has filled are small beside it.
constexpr double kSampleSeconds = 3e-4;
constexpr int kMostRepeats = 1000;
// Added to both sides of a ratio; an operation may take less than the clock can tell.
constexpr double kTick = 1e-9;

// Time this thread has run, where the system tells (at 0.1 to 0.3 us a call): work of others on the
// same core does not count.
double Now() {
#if defined(CLOCK_THREAD_CPUTIME_ID)
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
#else
  const auto now = std::chrono::steady_clock::now();
  return std::chrono::duration<double>(now.time_since_epoch()).count();
#endif
}

std::vector<float> Normal(int64_t count, std::mt19937& generator) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

// Floats of `images` images of a value.
int64_t Floats(const Shape& shape, int64_t images) {
  return ElementCount(Shape(shape.begin() + 1, shape.end())) * images;
}

}  // namespace

Contest::Contest(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode,
                 int64_t lanes)
    : images_(mode.Images(lanes)) {
  std::mt19937 generator(0);
  for (ValueId id : graph.inputs) inputs_.push_back(Normal(Floats(shapes[id], images_), generator));
  for (ValueId id : graph.outputs)
    outputs_.emplace_back(static_cast<size_t>(Floats(shapes[id], images_)));
  for (const std::vector<float>& input : inputs_) input_data_.push_back(input.data());
  for (std::vector<float>& output : outputs_) output_data_.push_back(output.data());
}

double Contest::Seconds(const Plan& plan) {
  workspace_ = plan.Borrow(1);
  repeats_ = 1;
  Time(plan);  // the first touches memory
  const double pass = Time(plan).total;
  repeats_ = static_cast<int>(std::clamp(std::ceil(kSampleSeconds / (pass + kTick)), 1.0,
                                         static_cast<double>(kMostRepeats)));
  return (2 * kPairs + 1) * repeats_ * pass;
}

void Contest::Begin(std::vector<Group> groups) {
  groups_ = std::move(groups);
  pairs_.clear();
  steady_ = 0;
  Pause();
}

bool Contest::Continue(const Plan& champion, const Plan& challenger) {
  const Sample before = before_ ? std::move(*before_) : Time(champion);
  const Sample between = Time(challenger);
  before_ = Time(champion);
  const Sample& after = *before_;
  const double least = std::min(before.total, after.total) + kTick;
  Pair pair{std::abs(after.total - before.total) / least, {}};
  for (size_t g = 0; g < groups_.size(); ++g)
    pair.ratios.push_back((between.groups[g] + kTick) /
                          ((before.groups[g] + after.groups[g]) / 2 + kTick));
  if (pair.unrest <= kSteady) ++steady_;
  pairs_.push_back(std::move(pair));
  return steady_ < kPairs && pairs_.size() < kMostPairs;
}

std::vector<bool> Contest::Faster() const {
  std::vector<bool> faster(groups_.size(), false);
  if (pairs_.size() < kFewestPairs) return faster;
  std::vector<Pair> pairs = pairs_;
  std::sort(pairs.begin(), pairs.end(),
            [](const Pair& a, const Pair& b) { return a.unrest < b.unrest; });
  if (pairs.size() > kPairs) pairs.erase(pairs.begin() + kPairs, pairs.end());
  for (size_t g = 0; g < groups_.size(); ++g) faster[g] = IsFaster(pairs, g);
  return faster;
}

bool Contest::IsFaster(const std::vector<Pair>& pairs, size_t group) {
  std::vector<double> ratios;
  for (const Pair& pair : pairs) ratios.push_back(pair.ratios[group]);
  std::sort(ratios.begin(), ratios.end());
  return ratios[ratios.size() / 2] < 1 - kGain && ratios[3 * ratios.size() / 4] < 1;
}

Contest::Sample Contest::Time(const Plan& plan) {
  seconds_.assign(plan.operations().size(), 0);
  for (int i = 0; i < repeats_; ++i) Run(plan);
  Sample sample{{}, std::accumulate(seconds_.begin(), seconds_.end(), 0.0)};
  for (const Group& group : groups_) {
    double seconds = 0;
    for (size_t operation : group) seconds += seconds_[operation];
    sample.groups.push_back(seconds);
  }
  return sample;
}

void Contest::Run(const Plan& plan) {
  Serial serial;
  const Frame frame{workspace_->buffers(0), input_data_.data(), output_data_.data(), images_,
                    &serial};
  double start = Now();
  for (size_t i = 0; i < seconds_.size(); ++i) {
    plan.operations()[i]->Run(frame);
    const double end = Now();
    seconds_[i] += end - start;
    start = end;
  }
}

}  // namespace sparseprune
