#include "engine/builder.h"

#include <algorithm>
#include <utility>

#include "engine/arithmetic.h"
#include "engine/conv.h"

namespace sparseprune {
namespace {

bool Covers(const Halo& have, const Halo& need) {
  return have.top >= need.top && have.left >= need.left && have.bottom >= need.bottom &&
         have.right >= need.right;
}

Assignment Assign(const Graph& graph, const std::vector<Step>& steps,
                  const std::vector<Shape>& shapes, const Mode& mode, int64_t lanes) {
  const Network network{graph, steps, shapes, mode, lanes};
  return AssignLayouts(network, SearchTiles(network));
}

bool IsServed(const Layout& have, float fill, const Want& want) {
  if (want.layout.lanes == 0) return true;
  if (have.flat || want.layout.flat) return have.flat && want.layout.flat;
  return fill == want.fill && have.SameTiles(want.layout) && Covers(have.halo, want.layout.halo);
}

}  // namespace

PlanBuilder::PlanBuilder(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode,
                         const KernelTable& kernels, const Tuning& tuning)
    : graph_(graph),
      kernels_(kernels),
      tuning_(tuning),
      mode_(mode),
      shapes_(shapes),
      steps_(FuseSteps(graph)),
      layouts_(Assign(graph, steps_, shapes, mode, kernels.lanes)),
      copies_(graph.value_count) {
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const ValueId value = graph.inputs[i];
    Layout flat = Extents(shapes[value], Mode{});
    flat.flat = true;
    copies_[value].push_back({flat, 0, Source{-1, static_cast<int>(i)}});
  }
  for (size_t i = 0; i < steps_.size(); ++i) AddStep(i);
  AddStores();
}

void PlanBuilder::AddStep(size_t index) {
  const Step& step = steps_[index];
  switch (step.op) {
    case Op::kConv:
    case Op::kLinear:
    case Op::kMaxPool:
      AddLayer(step, index);
      break;
    case Op::kAdd:
    case Op::kScale:
    case Op::kActivation:
      AddElementwise(step);
      break;
    case Op::kGlobalAveragePool:
      AddAverage(step);
      break;
    case Op::kFlatten:
      AddFlatten(step);
      return;
  }
  const Copy& made = copies_[step.output].front();
  if (!made.layout.flat && made.layout.halo.Any())
    Emit(MakeHalo(kernels_, made.layout, made.source.buffer), {}, made.source.buffer);
}

void PlanBuilder::AddLayer(const Step& step, size_t index) {
  const Copy input = Read(step.input, layouts_.wanted[index]);
  const Layout& output = layouts_.made[step.output];
  if (step.op == Op::kLinear && output.flat) {
    const int buffer = Make(step.output);
    Emit(MakeGemv(kernels_, step, input.source, buffer), {input.source}, buffer);
    return;
  }
  if (step.op == Op::kMaxPool) {
    const int buffer = Make(step.output);
    Emit(MakeMaxPool(kernels_, step.node->window, input.layout, input.source, output, buffer),
         {input.source}, buffer);
    return;
  }
  ConvPlaces places{input.layout, output, {}, input.source, {}, -1, step.other >= 0};
  std::vector<Source> read{input.source};
  if (places.has_residual) {
    const Copy residual = Read(step.other, {SpreadOut(output), 0});
    places.residual = residual.layout;
    places.residual_from = residual.source;
    read.push_back(residual.source);
  }
  places.buffer = Make(step.output);
  Emit(MakeConv(kernels_, tuning_, step, places), read, places.buffer);
}

void PlanBuilder::AddElementwise(const Step& step) {
  const Layout& output = layouts_.made[step.output];
  const Want want{SpreadOut(output), 0};
  const Copy a = Read(step.input, want);
  const Copy b = step.other >= 0 ? Read(step.other, want) : a;
  const int buffer = Make(step.output);
  Emit(MakeElementwise(kernels_,
                       {a.layout, b.layout, output, a.source, b.source, buffer, step.other >= 0},
                       {step.scale, step.activation}),
       {a.source, b.source}, buffer);
}

// The average reads lanes; a plain array is spread over them first.
void PlanBuilder::AddAverage(const Step& step) {
  Copy input = copies_[step.input].front();
  if (input.layout.flat) {
    Layout tiled = layouts_.made[step.input];
    tiled.flat = false;
    tiled.lanes = kernels_.lanes;
    if (!mode_.images_in_lanes) tiled.grid = {kernels_.lanes, 1};
    tiled.tile_h = CeilDiv(tiled.height, tiled.grid.y);
    tiled.tile_w = tiled.width;
    input = Read(step.input, {tiled, 0});
  }
  const int buffer = Make(step.output);
  Emit(MakeAverage(kernels_, input.layout, input.source, layouts_.made[step.output], buffer),
       {input.source}, buffer);
}

// What already is a plain array stays where it is.
void PlanBuilder::AddFlatten(const Step& step) {
  const Copy& first = copies_[step.input].front();
  const Layout& output = layouts_.made[step.output];
  const bool vector = shapes_[step.input].size() == 2;
  if ((first.layout.flat && output.flat) || vector) {
    copies_[step.output] = copies_[step.input];
    for (Copy& copy : copies_[step.output]) {
      if (!copy.layout.flat || vector) continue;
      copy.layout = output;
    }
    return;
  }
  Want want{first.layout, 0};
  if (first.layout.flat) want.layout = layouts_.made[step.input];
  const Copy input = Read(step.input, want);
  const int buffer = Make(step.output);
  Emit(MakeCopy(kernels_, input.layout, input.source, output, buffer, 0), {input.source}, buffer);
}

void PlanBuilder::AddStores() {
  for (size_t i = 0; i < graph_.outputs.size(); ++i) {
    const ValueId value = graph_.outputs[i];
    Copy copy = copies_[value].front();
    const bool images = mode_.images_in_lanes;
    if (images && copy.layout.flat) copy = Read(value, {layouts_.made[value], 0});
    const bool vector = images && shapes_[value].size() == 2;
    Emit(MakeStore(copy.layout, copy.source, i, vector), {copy.source}, -1);
  }
}

int PlanBuilder::NewBuffer(const Layout& layout) {
  const int next = static_cast<int>(operations.size());
  buffers.push_back({static_cast<size_t>(layout.Bytes()), next, next});
  return static_cast<int>(buffers.size()) - 1;
}

int PlanBuilder::Make(ValueId value) {
  const Layout& layout = layouts_.made[value];
  const int buffer = NewBuffer(layout);
  copies_[value].push_back({layout, 0, Source{buffer, -1}});
  return buffer;
}

void PlanBuilder::Emit(OperationPtr operation, const std::vector<Source>& read, int written) {
  const int now = static_cast<int>(operations.size());
  for (const Source& source : read)
    if (source.buffer >= 0) buffers[source.buffer].last = now;
  if (written >= 0) buffers[written].last = now;
  operations.push_back(std::move(operation));
}

PlanBuilder::Copy PlanBuilder::Read(ValueId value, const Want& want) {
  for (const Copy& copy : copies_[value])
    if (IsServed(copy.layout, copy.fill, want)) return copy;
  const Copy from = copies_[value].front();
  const Layout layout = Merged(value, want);
  const int buffer = NewBuffer(layout);
  Emit(MakeCopy(kernels_, from.layout, from.source, layout, buffer, want.fill), {from.source},
       buffer);
  copies_[value].push_back({layout, want.fill, Source{buffer, -1}});
  return copies_[value].back();
}

Layout PlanBuilder::Merged(ValueId value, const Want& want) const {
  Layout merged = want.layout;
  if (merged.flat) return merged;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Want& other = layouts_.wanted[i];
    if (steps_[i].input == value && other.layout.lanes > 0 && other.fill == want.fill &&
        other.layout.SameTiles(merged))
      merged.halo = Halo::Max(merged.halo, other.layout.halo);
  }
  return merged;
}

// The tiles of a layout without its halo.
Layout PlanBuilder::SpreadOut(Layout layout) const {
  layout.halo = {};
  return layout;
}

}  // namespace sparseprune
