#include "engine/program.h"

#include <utility>

#include "engine/isa.h"
#include "engine/passes.h"
#include "engine/plan_cache.h"
#include "engine/shapes.h"
#include "engine/tuning_run.h"
#include "kernels/table.h"

namespace sparseprune {
struct Program::State {
  Graph graph;
  const KernelTable* kernels;
  PlanCache plans;
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

std::unique_ptr<TuningRun> Program::StartTuning(const std::vector<Shape>& inputs, double seconds) {
  return std::make_unique<TuningRun>(state_->graph, *state_->kernels, state_->plans, inputs,
                                     seconds);
}

}  // namespace sparseprune
