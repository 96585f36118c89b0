// Tables of vectors to move between two layouts, or within one.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/layout.h"
#include "kernels/table.h"

namespace sparseprune {

// Throws InvalidGraph when `value` does not fit.
int32_t Narrow(int64_t value);

struct ShuffleTable {
  std::vector<int32_t> from, to, permutation, permutations;
};
// Fills the halo from the tiles.
ShuffleTable HaloTable(const Layout& layout);
// From one layout with images in lanes to another, halo included.
ShuffleTable CopyTable(const Layout& from, const Layout& to);

struct MergeTable {
  std::vector<int32_t> to, first, orders;
  std::vector<MergePart> parts;
};
// From one layout of one image to another, halo included. A plain one holds its channels one after
// another, each at least `lanes` floats.
MergeTable TableBetween(const Layout& from, const Layout& to, int64_t lanes);

}  // namespace sparseprune
