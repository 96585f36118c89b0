#include "engine/plan_cache.h"

#include <algorithm>
#include <utility>

#include "engine/shapes.h"

namespace sparseprune {
namespace {

// A plan holds a packed copy of the weights, so few are kept. At least the two of one Prepared.
constexpr size_t kMostPlans = 8;
// Batch sizes cost nothing but their shapes.
constexpr size_t kMostPrepared = 32;

bool SameMode(const Mode& a, const Mode& b) {
  return a.images_in_lanes == b.images_in_lanes && a.groups == b.groups;
}

bool SameShapes(const std::vector<Shape>& shapes, const std::vector<TensorView>& views) {
  return std::equal(shapes.begin(), shapes.end(), views.begin(), views.end(),
                    [](const Shape& shape, const TensorView& view) { return shape == view.shape; });
}

int64_t ImageFloats(const Shape& shape) {
  return ElementCount(Shape(shape.begin() + 1, shape.end()));
}

}  // namespace

int64_t BatchOf(const std::vector<Shape>& inputs) {
  for (const Shape& shape : inputs)
    if (shape[0] != inputs[0][0])
      throw InvalidGraph("expected inputs of one batch size, got shapes " + ToString(inputs[0]) +
                         " and " + ToString(shape));
  return inputs[0][0];
}

void PlanCache::SetTuning(Tuning tuning) {
  auto next = std::make_shared<const Tuning>(std::move(tuning));
  const std::lock_guard<std::mutex> lock(mutex_);
  Replace(std::move(next));
}

void PlanCache::AddTuning(const Tuning& found) {
  auto next = std::make_shared<Tuning>(found);
  const std::lock_guard<std::mutex> lock(mutex_);
  next->insert(tuning_->begin(), tuning_->end());
  if (*next != *tuning_) Replace(std::move(next));
}

void PlanCache::Replace(std::shared_ptr<const Tuning> tuning) {
  tuning_ = std::move(tuning);
  prepared_.clear();
  plans_.clear();
}

Tuning PlanCache::tuning() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return *tuning_;
}

std::shared_ptr<const Prepared> PlanCache::Find(const Graph& graph, const KernelTable& kernels,
                                                const std::vector<TensorView>& inputs) {
  const auto same = [&](const PreparedPtr& p) { return SameShapes(p->inputs, inputs); };
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = std::find_if(prepared_.begin(), prepared_.end(), same);
    if (known != prepared_.end()) {
      prepared_.splice(prepared_.begin(), prepared_, known);
      Touch((*known)->many);
      Touch((*known)->single);
      return prepared_.front();
    }
  }
  PreparedPtr made = Prepare(graph, kernels, inputs);
  const std::lock_guard<std::mutex> lock(mutex_);
  // Meanwhile another thread may have kept the same, or new plans of others pushed these out.
  if (std::any_of(prepared_.begin(), prepared_.end(), same)) return made;
  if (!Holds(made->many) || !Holds(made->single)) return made;
  prepared_.push_front(made);
  if (prepared_.size() > kMostPrepared) prepared_.pop_back();
  return made;
}

PlanCache::PreparedPtr PlanCache::Prepare(const Graph& graph, const KernelTable& kernels,
                                          const std::vector<TensorView>& inputs) {
  auto made = std::make_shared<Prepared>();
  for (const TensorView& view : inputs) made->inputs.push_back(view.shape);
  const std::vector<Shape> shapes = InferShapes(graph, made->inputs);
  const int64_t images = BatchOf(made->inputs);
  for (const Shape& shape : made->inputs) made->input_floats.push_back(ImageFloats(shape));
  made->outputs = OutputShapes(graph, shapes);
  for (const Shape& shape : made->outputs) made->output_floats.push_back(ImageFloats(shape));
  made->batch = PlanBatch(graph, shapes, images, kernels.lanes);
  if (made->batch.many_images > 0)
    made->many = FindPlan(graph, kernels, made->inputs, shapes, made->batch.many);
  if (made->batch.single_images > 0)
    made->single = FindPlan(graph, kernels, made->inputs, shapes, Mode{});
  return made;
}

// Packing takes long, so it is done unlocked: other shapes run on meanwhile. Threads that meet
// the same new shape at once each pack it, and all but the first to finish drop theirs.
PlanCache::PlanPtr PlanCache::FindPlan(const Graph& graph, const KernelTable& kernels,
                                       const std::vector<Shape>& inputs,
                                       const std::vector<Shape>& shapes, const Mode& mode) {
  std::vector<Shape> images;
  for (const Shape& shape : inputs) images.emplace_back(shape.begin() + 1, shape.end());
  std::shared_ptr<const Tuning> tuning;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (PlanPtr known = KnownPlan(images, mode)) return known;
    tuning = tuning_;
  }
  PlanPtr plan = std::make_shared<const Plan>(graph, shapes, mode, kernels, *tuning);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (tuning != tuning_) return plan;  // made the old way: for this call only
  if (PlanPtr known = KnownPlan(images, mode)) return known;
  plans_.push_front({std::move(images), mode, plan});
  if (plans_.size() > kMostPlans) DropOldestPlan();
  return plan;
}

PlanCache::PlanPtr PlanCache::KnownPlan(const std::vector<Shape>& images, const Mode& mode) {
  const auto known = std::find_if(plans_.begin(), plans_.end(), [&](const Entry& entry) {
    return SameMode(entry.mode, mode) && entry.images == images;
  });
  if (known == plans_.end()) return nullptr;
  plans_.splice(plans_.begin(), plans_, known);
  return known->plan;
}

void PlanCache::DropOldestPlan() {
  const PlanPtr plan = std::move(plans_.back().plan);
  plans_.pop_back();
  prepared_.remove_if([&](const PreparedPtr& p) { return p->many == plan || p->single == plan; });
}

void PlanCache::Touch(const PlanPtr& plan) {
  const auto known = std::find_if(plans_.begin(), plans_.end(),
                                  [&](const Entry& entry) { return entry.plan == plan; });
  if (known != plans_.end()) plans_.splice(plans_.begin(), plans_, known);
}

bool PlanCache::Holds(const PlanPtr& plan) const {
  return plan == nullptr || std::any_of(plans_.begin(), plans_.end(),
                                        [&](const Entry& entry) { return entry.plan == plan; });
}

}  // namespace sparseprune
