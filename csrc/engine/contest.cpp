#include "engine/contest.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "engine/shapes.h"

namespace sparseprune {
namespace {

using Clock = std::chrono::steady_clock;

// Shared machines change between a quiet and a busy state that last seconds each; in the busy one
// code that loads much loses 14 to 28 %, code that computes much loses nothing. A pair counts only
// where the champion took the same time just before and just after the challenger, to within:
constexpr double kSteady = 0.05;
// Pairs that must count for a verdict, those after which there is one, and those tried for it.
constexpr size_t kFewestPairs = 5, kPairs = 7, kMostPairs = 14;
// A candidate must gain this much in the median, and anything in three pairs of four: two equal
// ones whose times scatter by 1 % swap places in one comparison of fifty, which harms nobody.
constexpr double kGain = 0.01;
// Short networks are repeated until a sample takes this long: an interrupt costs microseconds.
constexpr double kSampleSeconds = 3e-4;
constexpr int kMostRepeats = 1000;
// Added to both sides of a ratio; an operation may take less than the clock can tell.
constexpr double kTick = 1e-9;

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

bool IsFaster(std::vector<double> ratios) {
  if (ratios.size() < kFewestPairs) return false;
  std::sort(ratios.begin(), ratios.end());
  return ratios[ratios.size() / 2] < 1 - kGain && ratios[3 * ratios.size() / 4] < 1;
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
  workspace_ = plan.Borrow();
  repeats_ = 1;
  const double pass = Time(plan, {}).total;
  repeats_ = static_cast<int>(std::clamp(std::ceil(kSampleSeconds / (pass + kTick)), 1.0,
                                         static_cast<double>(kMostRepeats)));
  return (2 * kPairs + 1) * (repeats_ + 1) * pass;
}

std::vector<bool> Contest::Faster(const Plan& champion, const Plan& challenger,
                                  const std::vector<Group>& groups, Clock::time_point deadline) {
  std::vector<std::vector<double>> ratios(groups.size());
  Sample before = Time(champion, groups);
  size_t counted = 0;
  for (size_t i = 0; i < kMostPairs && counted < kPairs && Clock::now() < deadline; ++i) {
    const Sample between = Time(challenger, groups), after = Time(champion, groups);
    const auto [least, most] = std::minmax(before.total, after.total);
    if (most <= (1 + kSteady) * least) {
      ++counted;
      for (size_t g = 0; g < groups.size(); ++g)
        ratios[g].push_back((between.groups[g] + kTick) /
                            ((before.groups[g] + after.groups[g]) / 2 + kTick));
    }
    before = after;
  }
  std::vector<bool> faster;
  for (std::vector<double>& of_group : ratios) faster.push_back(IsFaster(std::move(of_group)));
  return faster;
}

// The first pass fetches what the other plan pushed out of the caches; it does not count.
Contest::Sample Contest::Time(const Plan& plan, const std::vector<Group>& groups) {
  Run(plan);
  seconds_.assign(plan.operations().size(), 0);
  for (int i = 0; i < repeats_; ++i) Run(plan);
  Sample sample{{}, std::accumulate(seconds_.begin(), seconds_.end(), 0.0)};
  for (const Group& group : groups) {
    double seconds = 0;
    for (size_t operation : group) seconds += seconds_[operation];
    sample.groups.push_back(seconds);
  }
  return sample;
}

void Contest::Run(const Plan& plan) {
  seconds_.resize(plan.operations().size());
  Serial serial;
  const Frame frame{workspace_->buffers(), input_data_.data(), output_data_.data(), images_,
                    &serial};
  Clock::time_point start = Clock::now();
  for (size_t i = 0; i < seconds_.size(); ++i) {
    plan.operations()[i]->Run(frame);
    const Clock::time_point end = Clock::now();
    seconds_[i] += std::chrono::duration<double>(end - start).count();
    start = end;
  }
}

}  // namespace sparseprune
