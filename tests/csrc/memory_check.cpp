// What plans leave in memory: how many stay, and nothing where memory runs out.
// Built with the sanitizers by test_sanitizers.py.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/isa.h"
#include "engine/plan_cache.h"

using namespace sparseprune;

namespace {

// What the replaced operators below count and refuse; the engine aligns workspaces only.
std::atomic<int> aligned_blocks{0};
thread_local bool memory_is_full = false;

void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

// A convolution that every shape from 3 x 3 on fits.
Graph SmallGraph() {
  Graph graph;
  graph.inputs = {0};
  Node conv{};
  conv.op = Op::kConv;
  conv.inputs = {0};
  conv.output = 1;
  conv.window.kernel = {3, 3};
  conv.out_channels = conv.in_channels = 1;
  conv.weight = std::vector<float>(9, 1);
  graph.nodes.push_back(std::move(conv));
  graph.value_count = 2;
  graph.outputs = {1};
  return graph;
}

// Threads ask for more shapes than are kept, with batches that need one plan or two.
void CheckPlanCache() {
  const Graph graph = SmallGraph();
  const KernelTable& kernels = FindKernels("baseline");
  PlanCache cache;
  std::vector<std::vector<std::weak_ptr<const Plan>>> seen(4);
  const auto ask = [&](std::vector<std::weak_ptr<const Plan>>& plans, int64_t first) {
    for (int64_t i = 0; i < 60; ++i) {
      const Shape shape{1 + i % 5, 1, 3 + (first + i) % 11, 4};
      const auto prepared = cache.Find(graph, kernels, {{nullptr, shape}});
      Expect(prepared->inputs[0] == shape, "the cache gives another shape");
      for (const auto& plan : {prepared->many, prepared->single})
        if (plan != nullptr) plans.push_back(plan);
    }
  };
  std::vector<std::thread> threads;
  for (size_t t = 0; t < seen.size(); ++t) threads.emplace_back([&, t] { ask(seen[t], 3 * t); });
  for (std::thread& thread : threads) thread.join();
  std::vector<const Plan*> alive;
  for (const auto& plans : seen)
    for (const auto& plan : plans)
      if (const auto held = plan.lock())
        if (std::find(alive.begin(), alive.end(), held.get()) == alive.end())
          alive.push_back(held.get());
  Expect(alive.size() == 8, std::to_string(alive.size()) + " plans are alive, expected 8");

  // The shape in use stays, however many others come.
  const TensorView used{nullptr, {5, 1, 40, 40}};
  const auto first = cache.Find(graph, kernels, {used});
  for (int64_t i = 0; i < 30; ++i) {
    cache.Find(graph, kernels, {{nullptr, {1, 1, 3 + i, 7}}});
    Expect(cache.Find(graph, kernels, {used}) == first, "a plan in use was dropped");
  }
  // Tuned anew, whoever runs keeps the old plan, and nobody else gets it.
  cache.SetTuning({});
  Expect(cache.Find(graph, kernels, {used}) != first, "a plan outlived its tuning");
}

// The block is freed when there is no memory for what points into it.
void CheckWorkspace() {
  const int before = aligned_blocks;
  bool refused = false;
  const std::vector<size_t> offsets{0, 64};
  memory_is_full = true;
  try {
    const Workspace workspace(4096, offsets, 1);
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  memory_is_full = false;
  Expect(refused && aligned_blocks == before, "a workspace that could not be made leaks");
  {
    const Workspace workspace(4096, offsets, 1);
  }
  Expect(aligned_blocks == before, "a workspace leaks");
}

}  // namespace

void* operator new(size_t bytes) {
  if (memory_is_full) throw std::bad_alloc();
  void* memory = std::malloc(bytes > 0 ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes > 0 ? bytes : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

void* operator new(size_t bytes, std::align_val_t alignment) {
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<size_t>(alignment), bytes) != 0) throw std::bad_alloc();
  ++aligned_blocks;
  return memory;
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
  --aligned_blocks;
}
void operator delete(void* memory, size_t, std::align_val_t alignment) noexcept {
  ::operator delete(memory, alignment);
}

int main() {
  try {
    CheckWorkspace();
    CheckPlanCache();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
