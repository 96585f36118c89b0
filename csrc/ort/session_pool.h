// A Parallel for kernels inside a session.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "engine/parallel.h"
#include "ort/api.h"

namespace sparseprune::ort {

// ONNX Runtime's own pool: a second one would fight with it for the cores.
class SessionPool final : public Parallel {
 public:
  SessionPool(const Api& api, const abi::KernelContext* context, size_t width)
      : api_(api), context_(context), width_(width) {}

  void For(size_t count, void (*task)(void*, size_t), void* context) noexcept override {
    for (size_t first = 0; first < count; first += kMostTasks)
      Share(first, std::min(kMostTasks, count - first), task, context);
  }

  size_t width() const override { return width_; }

 private:
  // Handed over at once; as many flags lie on the stack, for there is nothing to do about a failed
  // allocation here. Few layers have that many tasks, and then one hand-over more costs nothing.
  static constexpr size_t kMostTasks = 1024;

  struct Tasks {
    void (*task)(void*, size_t);
    void* context;
    size_t first;
    std::atomic<bool> taken[kMostTasks];

    static void Run(void* self, size_t i) {
      Tasks& tasks = *static_cast<Tasks*>(self);
      if (!tasks.taken[i].exchange(true, std::memory_order_relaxed))
        tasks.task(tasks.context, tasks.first + i);
    }
  };

  // ONNX Runtime may refuse before any task ran, or after some: its call ends with the last task
  // it started (they live in its frame), and the flags tell which are left.
  void Share(size_t first, size_t count, void (*task)(void*, size_t), void* context) noexcept {
    if (count == 1) return task(context, first);
    Tasks tasks{task, context, first, {}};
    abi::Status* refused =
        abi::KernelContext_ParallelFor(api_.core, context_, &Tasks::Run, count, 0, &tasks);
    if (refused == nullptr) return;
    abi::ReleaseStatus(api_.core, refused);
    for (size_t i = 0; i < count; ++i) Tasks::Run(&tasks, i);
  }

  const Api& api_;
  const abi::KernelContext* context_;
  size_t width_;
};

}  // namespace sparseprune::ort
