// Turns steps and their layouts into operations, with a copy wherever a reader wants another
// layout.
#pragma once

#include <vector>

#include "engine/arena.h"
#include "engine/assign.h"
#include "engine/operation.h"

namespace sparseprune {

class PlanBuilder {
 public:
  PlanBuilder(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode,
              const KernelTable& kernels, const Tuning& tuning);

  std::vector<OperationPtr> operations;

  // Where the buffers of the operations lie in one block of memory.
  ArenaPlan Place() const;

 private:
  // A value in one layout.
  struct Copy {
    Layout layout;
    float fill;
    Source source;
  };
  // Operations know buffers by number; several may lie in one piece of memory.
  struct Buffer {
    size_t memory, offset;
  };

  void AddStep(size_t index);
  void AddLayer(const Step& step, size_t index);
  void AddPool(const Step& step, size_t index);
  Join JoinOf(const Step& step) const;
  void AddElementwise(const Step& step);
  void AddAverage(const Step& step);
  void AddFlatten(const Step& step);
  void AddConcat(const Step& step);
  void AddResize(const Step& step, size_t index);
  void AddSoftmax(const Step& step, size_t index);
  void AddStores();

  // A new buffer for `layout`, written by the next operation.
  int NewBuffer(const Layout& layout);
  int NewBuffer(const Subview& subview);
  int Make(ValueId value);  // ... holding `value` in the layout assigned to it
  // ... in place of a residual nobody reads afterwards: half the memory to bring to the caches.
  int MakeOver(const Step& step, size_t index, const Copy& input, const Copy& residual);
  bool IsReadAfter(size_t index, ValueId value) const;
  bool IsShared(ValueId value) const;  // its buffer may hold other values too
  void FillHalo(const Layout& layout, int buffer);
  void CopyInto(ValueId value, const Layout& layout, int buffer);
  void Emit(OperationPtr operation, const std::vector<Source>& read, int written);
  bool Has(ValueId value, const Want& want) const;  // in a layout that serves
  Copy Read(ValueId value, const Want& want);
  // What all reads of a copy of `value` with the tiles of `want` ask for together.
  Layout Merged(ValueId value, const Want& want) const;
  Layout SpreadOut(Layout layout) const;
  Layout Plain(ValueId value, bool channels_last) const;

  const Graph& graph_;
  const KernelTable& kernels_;
  const Tuning& tuning_;
  const Mode mode_;
  const std::vector<Shape>& shapes_;
  const std::vector<Step> steps_;
  const Assignment layouts_;
  std::vector<std::vector<Copy>> copies_;  // per value; the first is the one its step makes
  std::vector<Buffer> buffers_;
  std::vector<Lifetime> memories_;
  std::vector<int> wholes_;  // per value: its memory where subviews of it are written, or -1
};

}  // namespace sparseprune
