#include "engine/builder.h"

#include <algorithm>
#include <utility>

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
  if (have.flat || want.layout.flat) return have.SameTiles(want.layout);
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
      steps_(FuseSteps(graph, shapes)),
      layouts_(Assign(graph, steps_, shapes, mode, kernels.lanes)),
      copies_(graph.value_count),
      wholes_(graph.value_count, -1) {
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const ValueId value = graph.inputs[i];
    const Layout plain = Plain(value, IsSet(graph.channels_last_inputs, i));
    copies_[value].push_back({plain, 0, Source{-1, static_cast<int>(i)}});
  }
  for (size_t i = 0; i < steps_.size(); ++i) AddStep(i);
  AddStores();
}

ArenaPlan PlanBuilder::Place() const {
  const ArenaPlan memories = PlaceBuffers(memories_);
  ArenaPlan plan{{}, memories.bytes};
  for (const Buffer& buffer : buffers_)
    plan.offsets.push_back(memories.offsets[buffer.memory] + buffer.offset);
  return plan;
}

int PlanBuilder::NewBuffer(const Layout& layout) {
  const int next = static_cast<int>(operations.size());
  memories_.push_back({static_cast<size_t>(layout.Bytes()), next, next});
  buffers_.push_back({memories_.size() - 1, 0});
  return static_cast<int>(buffers_.size()) - 1;
}

int PlanBuilder::NewBuffer(const Subview& subview) {
  const Layout& layout = layouts_.made[subview.whole];
  int& whole = wholes_[subview.whole];
  if (whole < 0) whole = NewBuffer(layout);
  const int64_t channel =
      layout.flat ? 4 * layout.height * layout.width : layout.ChannelStride() * VectorBytes(layout);
  buffers_.push_back({buffers_[whole].memory, static_cast<size_t>(subview.first * channel)});
  return static_cast<int>(buffers_.size()) - 1;
}

int PlanBuilder::Make(ValueId value) {
  const Layout& layout = layouts_.made[value];
  const Subview& subview = layouts_.subviews[value];
  const int buffer = subview.whole < 0 ? NewBuffer(layout) : NewBuffer(subview);
  copies_[value].push_back({layout, 0, Source{buffer, -1}});
  return buffer;
}

int PlanBuilder::MakeOver(const Step& step, size_t index, const Copy& input, const Copy& residual) {
  const Layout& layout = layouts_.made[step.output];
  const int over = residual.source.buffer, read = input.source.buffer;
  const bool own = over >= 0 && (read < 0 || buffers_[read].memory != buffers_[over].memory);
  const bool same = residual.layout.SameTiles(layout) && residual.layout.halo == layout.halo;
  if (!own || !same || IsReadAfter(index, step.other) || IsShared(step.other) ||
      IsShared(step.output))
    return Make(step.output);
  buffers_.push_back(buffers_[over]);
  copies_[step.output].push_back({layout, 0, Source{static_cast<int>(buffers_.size()) - 1, -1}});
  return copies_[step.output].back().source.buffer;
}

bool PlanBuilder::IsReadAfter(size_t index, ValueId value) const {
  const auto reads = [value](const Step& step) {
    const std::vector<ValueId>& inputs = step.node->inputs;  // of kConcat all
    return step.input == value || step.other == value ||
           (step.op == Op::kConcat && std::count(inputs.begin(), inputs.end(), value) > 0);
  };
  return std::any_of(steps_.begin() + static_cast<std::ptrdiff_t>(index) + 1, steps_.end(),
                     reads) ||
         std::count(graph_.outputs.begin(), graph_.outputs.end(), value) > 0;
}

bool PlanBuilder::IsShared(ValueId value) const {
  if (wholes_[value] >= 0 || layouts_.subviews[value].whole >= 0) return true;
  return std::any_of(steps_.begin(), steps_.end(), [value](const Step& step) {
    return step.op == Op::kFlatten && (step.input == value || step.output == value);
  });
}

void PlanBuilder::Emit(OperationPtr operation, const std::vector<Source>& read, int written) {
  const int now = static_cast<int>(operations.size());
  for (const Source& source : read)
    if (source.buffer >= 0) memories_[buffers_[source.buffer].memory].last = now;
  if (written >= 0) memories_[buffers_[written].memory].last = now;
  operations.push_back(std::move(operation));
}

void PlanBuilder::FillHalo(const Layout& layout, int buffer) {
  if (!layout.flat && layout.halo.Any()) Emit(MakeHalo(kernels_, layout, buffer), {}, buffer);
}

bool PlanBuilder::Has(ValueId value, const Want& want) const {
  const std::vector<Copy>& copies = copies_[value];
  return std::any_of(copies.begin(), copies.end(),
                     [&](const Copy& copy) { return IsServed(copy.layout, copy.fill, want); });
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

// As one image lies in the caller's memory.
Layout PlanBuilder::Plain(ValueId value, bool channels_last) const {
  Layout plain = Extents(shapes_[value], Mode{});
  plain.flat = true;
  // Of one position both orders are the same.
  plain.channels_last = channels_last && plain.height * plain.width > 1;
  return plain;
}

// The tiles of a layout without its halo.
Layout PlanBuilder::SpreadOut(Layout layout) const {
  layout.halo = {};
  return layout;
}

}  // namespace sparseprune
