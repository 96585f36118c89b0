// What the two hosts add to the engine: who runs its tasks, also where threads are refused, and
// sizes a model may declare. Built with the undefined-behaviour sanitizer by test_hosts.py.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "ort/extents.h"
#include "ort/session_pool.h"
#include "python/threads.h"

using namespace sparseprune;

namespace {

int threads_granted = 0;  // how many more pthread_create may start

void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

void ExpectEachOnce(Parallel& parallel, size_t count, const std::string& what) {
  std::vector<std::atomic<int>> runs(count);
  parallel.For(
      count, [](void* runs, size_t i) { ++static_cast<std::atomic<int>*>(runs)[i]; }, runs.data());
  for (const std::atomic<int>& times : runs)
    Expect(times == 1, what + ": a task ran " + std::to_string(times) + " times");
}

void CheckThreads() {
  for (int granted : {0, 1, 3, 100})
    for (size_t count : {0, 1, 2, 7, 1000}) {
      threads_granted = granted;
      Threads threads(8);
      ExpectEachOnce(threads, count, std::to_string(granted) + " threads");
    }
}

// A table with the two functions the pool calls; the pool runs `tasks_run` tasks, then refuses.
size_t tasks_run = 0;
bool refuses = false;
int statuses = 0;

abi::Status* ParallelFor(const abi::KernelContext*, void (*task)(void*, size_t), size_t total,
                         size_t, void* context) {
  for (size_t i = 0; i < total && (!refuses || i < tasks_run); ++i) task(context, total - 1 - i);
  if (!refuses) return nullptr;
  ++statuses;
  return reinterpret_cast<abi::Status*>(&statuses);
}
void ReleaseStatus(abi::Status*) { --statuses; }

void CheckSessionPool() {
  std::vector<const void*> table(300, nullptr);
  table[abi::KernelContext_ParallelFor.kIndex] = reinterpret_cast<const void*>(&ParallelFor);
  table[abi::ReleaseStatus.kIndex] = reinterpret_cast<const void*>(&ReleaseStatus);
  const ort::Api api{table.data(), nullptr, abi::kOldestVersion};
  for (bool refusing : {false, true})
    for (size_t run : {0, 1, 5})
      for (size_t count : {0, 1, 2, 5, 9, 1024, 1025, 5000}) {
        refuses = refusing;
        tasks_run = run;
        ort::SessionPool pool(api, nullptr, 4);
        ExpectEachOnce(pool, count, "refused after " + std::to_string(run));
        Expect(statuses == 0, "a status was not released");
      }
}

// As many layers as a model may have, each as wide as one may be, from any size it may declare.
void CheckExtents() {
  const int64_t most = kMaxExtent;
  const Window far{{most, most}, {1, 1}, {most, most}, {0, 0}, {0, 0}};
  const Window padded{{1, 1}, {1, most}, {1, 1}, {most, most}, {most, most}};
  for (const Window& window : {far, padded})
    for (int64_t start : {int64_t{0}, most, std::numeric_limits<int64_t>::max()}) {
      ort::ExtentTable table;
      for (ort::Extent extent : {ort::ExtentTable::Number(start), table.Named("N")})
        for (int layer = 0; layer < 1000; ++layer) extent = table.Slide(extent, window, layer % 2);
    }
}

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) noexcept {
  if (threads_granted-- <= 0) return EAGAIN;
  static const auto real =
      reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return real(thread, attributes, start, argument);
}

int main() {
  try {
    CheckThreads();
    CheckSessionPool();
    CheckExtents();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
