#include "engine/conv_parts.h"

#include <algorithm>

#include "engine/arithmetic.h"

namespace sparseprune {
namespace {

constexpr int64_t kWidest = 8;
// What starting and finishing a row costs, in taps: tile_cycles.cpp has it for the usual tiles.
constexpr int64_t kRowTaps = 6;

// Of each widest block of rows.
std::vector<int64_t> Costs(const WeightMatrix& matrix) {
  std::vector<int64_t> costs;
  for (int64_t row = 0; row < matrix.rows; row += kWidest) {
    const int64_t past = std::min(row + kWidest, matrix.rows);
    const auto kept = std::count_if(matrix.row(row), matrix.row(row) + (past - row) * matrix.taps,
                                    [](float w) { return w != 0; });
    costs.push_back(kept + kRowTaps * (past - row));
  }
  return costs;
}

}  // namespace

std::vector<int64_t> CutRows(const WeightMatrix& matrix, int64_t parts) {
  if (parts <= 1) return {0, matrix.rows};
  const std::vector<int64_t> costs = Costs(matrix);
  int64_t total = 0, done = 0;
  for (int64_t cost : costs) total += cost;
  std::vector<int64_t> cuts{0};
  for (size_t block = 0; block < costs.size(); ++block) {
    // A block belongs to the part in which its middle lies.
    const int64_t part = (2 * done + costs[block]) * parts / (2 * total);
    if (part >= static_cast<int64_t>(cuts.size()) && block > 0)
      cuts.push_back(static_cast<int64_t>(block) * kWidest);
    done += costs[block];
  }
  cuts.push_back(matrix.rows);
  return cuts;
}

Parts::Parts(const WeightMatrix& matrix, const std::vector<int64_t>& offsets,
             const std::vector<TapRange>& ranges, const std::vector<int64_t>& cuts,
             const Blocking& blocking, bool together)
    : whole_{0, matrix.rows, {}} {
  for (size_t i = 0; i + 1 < cuts.size(); ++i)
    packed_.push_back(Pack(matrix, offsets, ranges, cuts[i], cuts[i + 1], blocking));
  for (size_t i = 0; i < packed_.size(); ++i) {
    Part part{cuts[i], cuts[i + 1] - cuts[i], {}};
    for (const Segment& segment : packed_[i]) part.segments.push_back(&segment);
    whole_.segments.insert(whole_.segments.end(), part.segments.begin(), part.segments.end());
    parts_.push_back(std::move(part));
  }
  if (together)
    std::stable_sort(whole_.segments.begin(), whole_.segments.end(),
                     [](const Segment* a, const Segment* b) { return a->range < b->range; });
}

}  // namespace sparseprune
