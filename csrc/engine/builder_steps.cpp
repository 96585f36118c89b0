#include <algorithm>
#include <utility>

#include "engine/arithmetic.h"
#include "engine/builder.h"
#include "engine/conv.h"

namespace sparseprune {

void PlanBuilder::AddStep(size_t index) {
  const Step& step = steps_[index];
  switch (step.op) {
    case Op::kConv:
    case Op::kLinear:
      AddLayer(step, index);
      break;
    case Op::kMaxPool:
    case Op::kAveragePool:
      AddPool(step, index);
      break;
    case Op::kAdd:
    case Op::kMultiply:
    case Op::kScale:
    case Op::kActivation:
      AddElementwise(step);
      break;
    case Op::kGlobalAveragePool:
      AddAverage(step);
      break;
    case Op::kResize:
      AddResize(step, index);
      break;
    case Op::kSoftmax:
      AddSoftmax(step, index);
      break;
    case Op::kConcat:
      AddConcat(step);
      return;
    case Op::kFlatten:
      AddFlatten(step);
      return;
  }
  const Copy& made = copies_[step.output].front();
  FillHalo(made.layout, made.source.buffer);
}

// A copy for a 1 x 1 convolution with strides is made of the positions it sees alone.
void PlanBuilder::AddLayer(const Step& step, size_t index) {
  const Layout& output = layouts_.made[step.output];
  Window window = step.node->window;
  Want want = layouts_.wanted[index];
  const bool tiled = !output.LanesAreImages() && !copies_[step.input].front().layout.flat;
  if (Skips(window) && tiled && !Has(step.input, want)) {
    want.layout = SeenBy(window, want.layout, output);
    window.stride = {1, 1};
  }
  const Copy input = Read(step.input, want);
  if (step.op == Op::kLinear && output.flat) {
    const int buffer = Make(step.output);
    Emit(MakeGemv(kernels_, step, input.source, buffer), {input.source}, buffer);
    return;
  }
  ConvPlaces places{input.layout, output, {}, input.source, {}, -1, step.other >= 0, window};
  std::vector<Source> read{input.source};
  if (places.has_residual) {
    const Copy residual = Read(step.other, {SpreadOut(output), 0});
    places.residual = residual.layout;
    places.residual_from = residual.source;
    places.buffer = MakeOver(step, index, input, residual);
    read.push_back(residual.source);
  } else {
    places.buffer = Make(step.output);
  }
  Emit(MakeConv(kernels_, tuning_, step, places), read, places.buffer);
}

void PlanBuilder::AddPool(const Step& step, size_t index) {
  const Copy input = Read(step.input, layouts_.wanted[index]);
  const Layout& output = layouts_.made[step.output];
  const Node& node = *step.node;
  const int buffer = Make(step.output);
  OperationPtr pool =
      node.op == Op::kMaxPool
          ? MakeMaxPool(kernels_, node.window, input.layout, input.source, output, buffer)
          : MakeAveragePool(kernels_, node.window, node.count_padding, input.layout, input.source,
                            output, buffer);
  Emit(std::move(pool), {input.source}, buffer);
}

void PlanBuilder::AddResize(const Step& step, size_t index) {
  const Copy input = Read(step.input, layouts_.wanted[index]);
  const Layout& output = layouts_.made[step.output];
  Layout parts = PartsOf(layouts_.made[step.input], output);
  if (step.node->resize == Resize::kBilinear && parts.lanes > 0 && !mode_.images_in_lanes) {
    // The smaller map is gathered once, instead of four times for each position of the larger.
    parts.halo = {1, 1, 1, 1};
    const Source copy{NewBuffer(parts), -1};
    Emit(MakeEdgeCopy(kernels_, input.layout, input.source, parts, copy.buffer), {input.source},
         copy.buffer);
    const int buffer = Make(step.output);
    Emit(MakeBilinearInLanes(kernels_, parts, copy, output, buffer), {copy}, buffer);
    return;
  }
  const int buffer = Make(step.output);
  Emit(MakeResize(kernels_, step.node->resize, input.layout, input.source, output, buffer),
       {input.source}, buffer);
}

void PlanBuilder::AddSoftmax(const Step& step, size_t index) {
  const Copy input = Read(step.input, layouts_.wanted[index]);
  const int buffer = Make(step.output);
  Emit(MakeSoftmax(kernels_, input.layout, input.source, layouts_.made[step.output], buffer),
       {input.source}, buffer);
}

// Most inputs were written into their subviews when they were made.
void PlanBuilder::AddConcat(const Step& step) {
  Subview subview = layouts_.subviews[step.output];
  for (ValueId id : step.node->inputs) {
    Layout layout = layouts_.made[step.output];
    layout.channels = layouts_.made[id].channels;
    const Subview& own = layouts_.subviews[id];
    if (own.whole != subview.whole || own.first != subview.first)
      CopyInto(id, layout, NewBuffer(subview));
    subview.first += layout.channels;
  }
  Make(step.output);
}

void PlanBuilder::CopyInto(ValueId value, const Layout& layout, int buffer) {
  const auto same = [&](const Copy& copy) {
    return copy.fill == 0 && copy.layout.SameTiles(layout);
  };
  const std::vector<Copy>& copies = copies_[value];
  const auto found = std::find_if(copies.begin(), copies.end(), same);
  if (found == copies.end()) {
    const Copy& from = copies.front();
    Emit(MakeCopy(kernels_, from.layout, from.source, layout, buffer, 0), {from.source}, buffer);
    return;
  }
  Emit(
      MakeElementwise(kernels_, {found->layout, {}, layout, found->source, {}, buffer, Join::kNone},
                      {nullptr, Activation::kNone, {}}),
      {found->source}, buffer);
  FillHalo(layout, buffer);
}

Join PlanBuilder::JoinOf(const Step& step) const {
  if (step.other < 0) return Join::kNone;
  if (step.op != Op::kMultiply) return Join::kSum;
  if (shapes_[step.other] == shapes_[step.output]) return Join::kProduct;
  return mode_.images_in_lanes ? Join::kVectors : Join::kFloats;
}

void PlanBuilder::AddElementwise(const Step& step) {
  const Layout& output = layouts_.made[step.output];
  const Want want{SpreadOut(output), 0};
  const Join join = JoinOf(step);
  const bool gate = join == Join::kVectors || join == Join::kFloats;
  const Copy a = Read(step.input, want);
  const Copy b = join == Join::kNone ? a
                 : gate ? Read(step.other, WantedGate(Extents(shapes_[step.other], mode_), output))
                        : Read(step.other, want);
  const int buffer = Make(step.output);
  Emit(MakeElementwise(kernels_, {a.layout, b.layout, output, a.source, b.source, buffer, join},
                       {step.scale, step.activation, step.line}),
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
  if (vector) {
    copies_[step.output] = copies_[step.input];
    return;
  }
  if (output.flat && first.layout.SameTiles(output)) {
    copies_[step.output].push_back({output, 0, first.source});
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
    const Layout plain = Plain(value, IsSet(graph_.channels_last_outputs, i));
    Emit(MakeStore(kernels_, copy.layout, copy.source, plain, i), {copy.source}, -1);
  }
}

}  // namespace sparseprune
