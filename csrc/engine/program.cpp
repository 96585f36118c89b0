#include "engine/program.h"

#include <utility>

#include "engine/isa.h"
#include "engine/passes.h"
#include "engine/plan_cache.h"
#include "engine/shapes.h"

namespace sparseprune {

struct Program::State {
  Graph graph;
  const KernelTable* kernels;
  Tuning tuning;
  PlanCache plans;
};

Program::Program(Graph graph, const std::string& isa) : state_(new State) {
  state_->kernels = &FindKernels(isa);
  Validate(graph);
  state_->graph = std::move(graph);
}

Program::~Program() = default;

size_t Program::output_count() const { return state_->graph.outputs.size(); }

std::vector<Shape> Program::OutputShapes(const std::vector<Shape>& inputs) const {
  const std::vector<Shape> shapes = InferShapes(state_->graph, inputs);
  std::vector<Shape> outputs;
  for (ValueId id : state_->graph.outputs) outputs.push_back(shapes[id]);
  return outputs;
}

void Program::Run(const std::vector<TensorView>& inputs, const OutputAllocator& outputs,
                  Parallel& parallel) const {
  const KernelTable& kernels = *state_->kernels;
  const auto prepared = state_->plans.Find(state_->graph, kernels, state_->tuning, inputs);
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

}  // namespace sparseprune
