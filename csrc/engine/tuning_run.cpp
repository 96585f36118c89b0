#include "engine/tuning_run.h"

#include <algorithm>
#include <chrono>

#include "engine/shapes.h"

namespace sparseprune {
namespace {

constexpr double kMostSeconds = 3600;

}  // namespace

TuningRun::TuningRun(const Graph& graph, const KernelTable& kernels, PlanCache& plans,
                     const std::vector<Shape>& inputs, double seconds)
    : graph_(graph),
      kernels_(kernels),
      plans_(plans),
      shapes_(InferShapes(graph, inputs)),
      known_(plans.tuning()) {
  const BatchPlan batch = PlanBatch(graph, shapes_, BatchOf(inputs), kernels.lanes);
  if (batch.single_images > 0) modes_.push_back(Mode{});
  if (batch.many_images > 0) modes_.push_back(batch.many);
  share_ = std::clamp(seconds, 0.0, kMostSeconds) / static_cast<double>(modes_.size());
}

bool TuningRun::Go(double seconds) {
  using Clock = std::chrono::steady_clock;
  const std::chrono::duration<double> wait(std::clamp(seconds, 0.0, 2 * kMostSeconds));
  const Clock::time_point pause = Clock::now() + std::chrono::duration_cast<Clock::duration>(wait);
  while (!modes_.empty()) {
    if (tuner_ == nullptr)
      tuner_ = std::make_unique<Tuner>(graph_, shapes_, modes_.back(), kernels_, known_, share_);
    if (!tuner_->Go(pause)) return false;
    found_.merge(tuner_->Found());
    tuner_.reset();
    modes_.pop_back();
    if (modes_.empty()) plans_.AddTuning(found_);
  }
  return true;
}

}  // namespace sparseprune
