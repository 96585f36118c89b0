#include "ort/kernel.h"

#include <algorithm>

#include "engine/shapes.h"
#include "ort/explain.h"
#include "ort/operands.h"
#include "ort/session_pool.h"

namespace sparseprune::ort {
namespace {

// Shapes that are tuned, and explained: a caller whose every batch has another shape is not kept
// waiting for ever.
constexpr size_t kMostShapes = 16;

Error UnexpectedShape(const std::string& expected, const std::string& name, const Shape& shape,
                      const std::string& because = "") {
  return Error(abi::ErrorCode::kInvalidArgument, "sparseprune: expected " + expected + " for '" +
                                                     name + "'" + because + ", got " +
                                                     ToString(shape));
}

// How many rows [N, T] or [N, H, W] are; what is multiplied on is at most kMaxExtent each.
int64_t CountRows(const Shape& leading, const std::string& name, const Shape& shape) {
  int64_t rows = 1;
  for (int64_t extent : leading) {
    if (extent > kMaxExtent || rows > kMaxExtent)
      throw UnexpectedShape("extents in reach", name, shape);
    rows *= extent;
  }
  return rows;
}

// N x T x F as N T x F, and N x H x W x F as N H W x F; the first to come sets `leading`, what is
// before F, which all share.
void MergeTokens(Shape& shape, Shape& leading, const std::string& name) {
  if (shape.size() != 3 && shape.size() != 4)
    throw UnexpectedShape("a shape [N, T, F] or [N, H, W, F]", name, shape);
  const Shape found(shape.begin(), shape.end() - 1);
  if (leading.empty()) leading = found;
  if (leading != found)
    throw UnexpectedShape(ToString(leading) + " tokens", name, shape, " as for the other inputs");
  shape = {CountRows(found, name, shape), shape.back()};
}

std::vector<Shape> ShapesOf(const std::vector<TensorView>& views) {
  std::vector<Shape> shapes;
  for (const TensorView& view : views) shapes.push_back(view.shape);
  return shapes;
}

abi::Status* CreateState(abi::NodeComputeInfo* self, abi::NodeComputeContext*, void** state) {
  *state = self;
  return nullptr;
}

abi::Status* Compute(abi::NodeComputeInfo* self, void*, abi::KernelContext* context) {
  return static_cast<Kernel*>(self)->RunGuarded(context);
}

void ReleaseState(abi::NodeComputeInfo*, void*) {}

}  // namespace

Kernel::Kernel(const Api& api, Translation translation, size_t width, KernelTuning tuning,
               const std::string& explain)
    : abi::NodeComputeInfo{abi::kOldestVersion, ort::CreateState, ort::Compute, ort::ReleaseState},
      api_(api),
      input_slots_(std::move(translation.input_slots)),
      input_names_(std::move(translation.input_names)),
      tokens_(translation.tokens),
      width_(width),
      tune_seconds_(tuning.seconds),
      tune_slice_(tuning.slice),
      store_(std::move(tuning.store)),
      explain_(explain),
      program_(std::move(translation.graph), "", std::move(tuning.known)) {}

abi::Status* Kernel::RunGuarded(abi::KernelContext* context) noexcept {
  return Guard(api_.core, [&] { Run(context); });
}

// While one shape is tuned, others run with what there is, and the same one on other threads.
void Kernel::TuneOnce(const std::vector<TensorView>& inputs) {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || tuned_.size() == kMostShapes) return;
  std::vector<Shape> shapes = ShapesOf(inputs);
  if (std::find(tuned_.begin(), tuned_.end(), shapes) != tuned_.end()) return;
  if (tuning_ != nullptr && tuning_shapes_ != shapes) return;
  std::unique_ptr<TuningRun> tuning = std::move(tuning_);  // gone, should it fail
  if (tuning == nullptr) tuning = program_.StartTuning(shapes, tune_seconds_);
  if (!tuning->Go(tune_slice_)) {
    tuning_ = std::move(tuning);
    tuning_shapes_ = std::move(shapes);
    throw Error(abi::ErrorCode::kFail, "sparseprune: tuning goes on; run again");
  }
  store_->Add(tuning->found());
  tuned_.push_back(std::move(shapes));
}

void Kernel::ExplainOnce(const std::vector<TensorView>& inputs) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (explained_.size() == kMostShapes) return;
  std::vector<Shape> shapes = ShapesOf(inputs);
  if (std::find(explained_.begin(), explained_.end(), shapes) != explained_.end()) return;
  AppendPlan(explain_, program_.isa(), program_.Describe(shapes));
  explained_.push_back(std::move(shapes));
}

void Kernel::Run(abi::KernelContext* context) {
  std::vector<TensorView> inputs;
  inputs.reserve(input_slots_.size());
  Shape leading;  // of token sequences
  for (size_t i = 0; i < input_slots_.size(); ++i) {
    inputs.push_back(ReadInput(api_, context, input_slots_[i], input_names_[i]));
    if (tokens_) MergeTokens(inputs.back().shape, leading, input_names_[i]);
  }
  if (tune_seconds_ > 0) TuneOnce(inputs);
  if (!explain_.empty()) ExplainOnce(inputs);
  const auto outputs = [&](size_t index, const Shape& shape) {
    if (!tokens_) return MakeOutput(api_, context, index, shape);
    Shape whole = leading;
    whole.push_back(shape[1]);
    return MakeOutput(api_, context, index, whole);
  };
  SessionPool pool(api_, context, width_);
  program_.Run(inputs, outputs, pool);
}

}  // namespace sparseprune::ort
