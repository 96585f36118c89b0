#include "engine/arena.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace sparseprune {
namespace {

// A page, so that no two buffers share a cache line or a page walk.
constexpr size_t kAlign = 4096;

bool Overlap(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The lowest gap of `bytes` between the taken [begin, end).
size_t LowestGap(std::vector<std::pair<size_t, size_t>> taken, size_t bytes) {
  std::sort(taken.begin(), taken.end());
  size_t offset = 0;
  for (const auto& [begin, end] : taken) {
    if (offset + bytes <= begin) break;
    offset = std::max(offset, end);
  }
  return offset;
}

}  // namespace

ArenaPlan PlaceBuffers(const std::vector<Lifetime>& buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  ArenaPlan plan;
  plan.offsets.resize(buffers.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const Lifetime& buffer = buffers[order[i]];
    std::vector<std::pair<size_t, size_t>> taken;
    for (size_t j = 0; j < i; ++j)
      if (Overlap(buffer, buffers[order[j]]))
        taken.emplace_back(plan.offsets[order[j]],
                           plan.offsets[order[j]] + buffers[order[j]].bytes);
    const size_t bytes = (buffer.bytes + kAlign - 1) / kAlign * kAlign;
    plan.offsets[order[i]] = (LowestGap(taken, bytes) + kAlign - 1) / kAlign * kAlign;
    plan.bytes = std::max(plan.bytes, plan.offsets[order[i]] + bytes);
  }
  return plan;
}

}  // namespace sparseprune
