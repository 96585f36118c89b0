#include "engine/program.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "engine/isa.h"
#include "engine/passes.h"
#include "engine/plan_cache.h"
#include "engine/shapes.h"
#include "engine/tuner.h"
#include "kernels/table.h"

namespace sparseprune {
namespace {

constexpr double kMostSeconds = 3600;

}  // namespace

struct Program::State {
  Graph graph;
  const KernelTable* kernels;
  PlanCache plans;
  std::mutex tuning;  // held by the one that tunes
};

Program::Program(Graph graph, const std::string& isa, Tuning tuning) : state_(new State) {
  state_->kernels = &FindKernels(isa);
  Validate(graph);
  state_->graph = std::move(graph);
  state_->plans.SetTuning(std::move(tuning));
}

Program::~Program() = default;

const char* Program::isa() const { return state_->kernels->name; }

Tuning Program::tuning() const { return state_->plans.tuning(); }

size_t Program::output_count() const { return state_->graph.outputs.size(); }

std::vector<Shape> Program::OutputShapes(const std::vector<Shape>& inputs) const {
  return sparseprune::OutputShapes(state_->graph, InferShapes(state_->graph, inputs));
}

void Program::Run(const std::vector<TensorView>& inputs, const OutputAllocator& outputs,
                  Parallel& parallel) const {
  const KernelTable& kernels = *state_->kernels;
  const auto prepared = state_->plans.Find(state_->graph, kernels, inputs);
  Batch batch{{}, {}, prepared->input_floats, prepared->output_floats};
  for (const TensorView& view : inputs) batch.inputs.push_back(view.data);
  for (size_t i = 0; i < prepared->outputs.size(); ++i)
    batch.outputs.push_back(outputs(i, prepared->outputs[i]));
  const BatchPlan& cut = prepared->batch;
  if (prepared->many != nullptr)
    RunPasses(*prepared->many, batch, 0, cut.many_images, {cut.many.Images(kernels.lanes), 1},
              parallel);
  if (prepared->single != nullptr)
    RunPasses(*prepared->single, batch, cut.many_images, cut.single_images, {1, cut.together},
              parallel);
}

std::vector<LayerReport> Program::Describe(const std::vector<Shape>& inputs) const {
  return sparseprune::Describe(state_->graph, inputs, *state_->kernels, tuning());
}

Tuning Program::Tune(const std::vector<Shape>& inputs, double seconds) {
  const std::lock_guard<std::mutex> lock(state_->tuning);
  const Graph& graph = state_->graph;
  const KernelTable& kernels = *state_->kernels;
  const std::vector<Shape> shapes = InferShapes(graph, inputs);
  const BatchPlan batch = PlanBatch(graph, shapes, BatchOf(inputs), kernels.lanes);
  std::vector<Mode> modes;
  if (batch.many_images > 0) modes.push_back(batch.many);
  if (batch.single_images > 0) modes.push_back(Mode{});
  const double share = std::clamp(seconds, 0.0, kMostSeconds) / static_cast<double>(modes.size());
  Tuning known = tuning(), found;
  for (const Mode& mode : modes)
    found.merge(sparseprune::Tune(graph, shapes, mode, kernels, known, share));
  Tuning all = found;
  all.merge(known);
  if (all != tuning()) state_->plans.SetTuning(std::move(all));
  return found;
}

}  // namespace sparseprune
