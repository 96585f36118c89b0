#include "engine/plan.h"

#include <algorithm>
#include <new>
#include <utility>

#include "engine/builder.h"
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace sparseprune {
namespace {

// Idle workspaces kept per plan; more than this many runs at once allocate anew.
constexpr size_t kMostIdle = 16;
// A huge page; smaller blocks gain nothing from one.
constexpr size_t kHugePage = size_t{2} << 20;

std::align_val_t AlignmentFor(size_t bytes) {
  return std::align_val_t(bytes >= kHugePage ? kHugePage : 4096);
}

}  // namespace

Workspace::Workspace(size_t bytes, const std::vector<size_t>& offsets)
    : memory_(static_cast<char*>(::operator new(bytes, AlignmentFor(bytes))),
              Free{AlignmentFor(bytes)}) {
#if defined(__linux__)
  // A wish: fewer page walks where the system grants it.
  if (bytes >= kHugePage) madvise(memory_.get(), bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  for (size_t offset : offsets) buffers_.push_back(memory_.get() + offset);
}

Plan::Plan(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode,
           const KernelTable& kernels, const Tuning& tuning) {
  PlanBuilder builder(graph, shapes, mode, kernels, tuning);
  ArenaPlan arena = builder.Place();
  operations_ = std::move(builder.operations);
  for (const OperationPtr& operation : operations_) work_ += operation->work();
  offsets_ = std::move(arena.offsets);
  bytes_ = arena.bytes;
  idle_.reserve(kMostIdle);  // so that giving back never allocates
}

WorkspacePtr Plan::Borrow() const {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      WorkspacePtr workspace = std::move(idle_.back());
      idle_.pop_back();
      return workspace;
    }
  }
  return std::make_unique<Workspace>(bytes_, offsets_);
}

void Plan::GiveBack(WorkspacePtr workspace) const noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(workspace));
}

void Plan::Swap(size_t index, Plan& other) noexcept {
  operations_[index].swap(other.operations_[index]);
}

void Plan::Run(Frame frame, const Workspace& workspace) const noexcept {
  frame.buffers = workspace.buffers();
  for (const OperationPtr& operation : operations_) operation->Run(frame);
}

}  // namespace sparseprune
