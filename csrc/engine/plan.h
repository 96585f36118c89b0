// A graph made ready for one set of shapes: operations, and where their buffers lie.
#pragma once

#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "engine/assign.h"
#include "engine/operation.h"

namespace sparseprune {

// The memory of passes that run side by side. Freed by whoever holds it.
class Workspace {
 public:
  // `offsets`: of each buffer of a pass from its start. Throws std::bad_alloc.
  Workspace(size_t bytes, const std::vector<size_t>& offsets, int64_t passes);
  int64_t passes() const { return passes_; }
  char* const* buffers(int64_t pass) const { return buffers_.data() + pass * count_; }

 private:
  struct Free {
    std::align_val_t alignment;
    void operator()(char* memory) const noexcept { ::operator delete(memory, alignment); }
  };

  int64_t passes_, count_;
  std::unique_ptr<char, Free> memory_;
  std::vector<char*> buffers_;
};
using WorkspacePtr = std::unique_ptr<Workspace>;

class Plan {
 public:
  // The graph outlives the plan. Throws InvalidGraph or std::bad_alloc.
  Plan(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode,
       const KernelTable& kernels, const Tuning& tuning);

  // A workspace for at least so many passes that nobody else uses, until it is given back.
  WorkspacePtr Borrow(int64_t passes) const;
  void GiveBack(WorkspacePtr workspace) const noexcept;

  const std::vector<OperationPtr>& operations() const { return operations_; }
  // Trades places with the operation of `other` at the same index. Plans that differ in tuning
  // alone have the same operations on the same buffers.
  void Swap(size_t index, Plan& other) noexcept;

  // Multiply-adds of one pass.
  int64_t work() const { return work_; }

  // Passes side by side; the buffers of the frames are set here.
  void Run(Frame* frames, int64_t count, const Workspace& workspace) const noexcept;

 private:
  std::vector<OperationPtr> operations_;
  std::vector<size_t> offsets_;
  size_t bytes_ = 0;
  int64_t work_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<WorkspacePtr> idle_;
};

}  // namespace sparseprune
