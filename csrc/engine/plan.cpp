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

// Buffers of passes side by side are read in step. Starting some cache lines apart, modulo a page,
// they do not compete for the same sets of L1.
size_t Pitch(size_t bytes) {
  constexpr size_t kSkew = 5 * 64;
  return (bytes + 4095) / 4096 * 4096 + kSkew;
}

size_t TotalBytes(size_t bytes, int64_t passes) {
  return passes == 1 ? bytes : Pitch(bytes) * static_cast<size_t>(passes);
}

}  // namespace

Workspace::Workspace(size_t bytes, const std::vector<size_t>& offsets, int64_t passes)
    : passes_(passes),
      count_(static_cast<int64_t>(offsets.size())),
      memory_(static_cast<char*>(::operator new(TotalBytes(bytes, passes),
                                                AlignmentFor(TotalBytes(bytes, passes)))),
              Free{AlignmentFor(TotalBytes(bytes, passes))}) {
  const size_t total = TotalBytes(bytes, passes);
#if defined(__linux__)
  // A wish: fewer page walks where the system grants it.
  if (total >= kHugePage) madvise(memory_.get(), total / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  for (int64_t pass = 0; pass < passes; ++pass)
    for (size_t offset : offsets)
      buffers_.push_back(memory_.get() + static_cast<size_t>(pass) * Pitch(bytes) + offset);
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

WorkspacePtr Plan::Borrow(int64_t passes) const {
  WorkspacePtr workspace;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      workspace = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (workspace != nullptr && workspace->passes() >= passes) return workspace;
  return std::make_unique<Workspace>(bytes_, offsets_, passes);
}

void Plan::GiveBack(WorkspacePtr workspace) const noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(workspace));
}

void Plan::Swap(size_t index, Plan& other) noexcept {
  operations_[index].swap(other.operations_[index]);
}

void Plan::Run(Frame* frames, int64_t count, const Workspace& workspace) const noexcept {
  for (int64_t i = 0; i < count; ++i) frames[i].buffers = workspace.buffers(i);
  for (const OperationPtr& operation : operations_) operation->RunAll(frames, count);
}

}  // namespace sparseprune
