#include "engine/layout.h"

#include <algorithm>
#include <limits>
#include <map>

#include "engine/shapes.h"

namespace sparseprune {
namespace {

int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

template <typename Visit>
void ForEachPosition(const Layout& layout, const Visit& visit) {
  const Halo& h = layout.halo;
  for (int64_t y = -h.top; y < layout.tile_h + h.bottom; ++y)
    for (int64_t x = -h.left; x < layout.tile_w + h.right; ++x) visit(y, x);
}

int32_t Narrow(int64_t value) { return static_cast<int32_t>(value); }

// For every lane, which lane owns what it sees at (y, x): indices, then masks.
std::vector<int32_t> Permutation(const Layout& layout, int64_t y, int64_t x) {
  const int64_t up = FloorDiv(y, layout.tile_h), across = FloorDiv(x, layout.tile_w);
  std::vector<int32_t> table(2 * layout.lanes);
  for (int64_t lane = 0; lane < layout.lanes; ++lane) {
    if (!layout.Inside(layout.MapY(y, lane), layout.MapX(x, lane))) continue;
    table[lane] =
        Narrow((lane / layout.grid.x + up) * layout.grid.x + lane % layout.grid.x + across);
    table[layout.lanes + lane] = -1;
  }
  return table;
}

}  // namespace

Halo Halo::Max(const Halo& a, const Halo& b) {
  return {std::max(a.top, b.top), std::max(a.left, b.left), std::max(a.bottom, b.bottom),
          std::max(a.right, b.right)};
}

int64_t Layout::Bytes() const {
  if (flat) return 4 * ElementCount({channels, height, width});
  const int64_t plane = ElementCount({Rows(), RowStride(), lanes});
  if (plane >= std::numeric_limits<int32_t>::max())  // tables of positions are 32 bits wide
    throw InvalidGraph("a map of " + ToString({height, width}) + " is too large");
  return 4 * ElementCount({channels, plane + lanes});
}

bool Layout::OwnsAll() const {
  return flat || (grid.y * tile_h >= height && grid.x * tile_w >= width);
}

bool Layout::SameTiles(const Layout& other) const {
  if (flat || other.flat) return flat && other.flat;
  return grid == other.grid && tile_h == other.tile_h && tile_w == other.tile_w;
}

bool Layout::Inside(int64_t y, int64_t x) const {
  return y >= 0 && y < height && x >= 0 && x < width;
}

int64_t Layout::FloatIndex(int64_t y, int64_t x) const {
  if (!Inside(y, x)) return -1;
  if (flat) return y * width + x;
  const int64_t vector = Origin() + y % tile_h * RowStride() + x % tile_w;
  return vector * lanes + y / tile_h * grid.x + x / tile_w;
}

std::vector<int32_t> Layout::Mask() const {
  std::vector<int32_t> mask;
  if (!HasPadding()) return mask;
  for (int64_t y = 0; y < tile_h; ++y)
    for (int64_t x = 0; x < tile_w; ++x)
      for (int64_t lane = 0; lane < lanes; ++lane)
        mask.push_back(Inside(MapY(y, lane), MapX(x, lane)) ? -1 : 0);
  return mask;
}

ShuffleTable HaloTable(const Layout& layout) {
  ShuffleTable table;
  std::map<std::vector<int32_t>, int32_t> known;
  ForEachPosition(layout, [&](int64_t y, int64_t x) {
    if (y >= 0 && y < layout.tile_h && x >= 0 && x < layout.tile_w) return;
    const std::vector<int32_t> order = Permutation(layout, y, x);
    const bool any = std::find(order.begin() + layout.lanes, order.end(), -1) != order.end();
    const auto entry = known.emplace(order, Narrow(known.size()));
    if (entry.second)
      table.permutations.insert(table.permutations.end(), order.begin(), order.end());
    const int64_t row = y - FloorDiv(y, layout.tile_h) * layout.tile_h;
    const int64_t col = x - FloorDiv(x, layout.tile_w) * layout.tile_w;
    table.from.push_back(Narrow(layout.Origin() + row * layout.RowStride() + col));
    table.to.push_back(Narrow(layout.Origin() + y * layout.RowStride() + x));
    table.permutation.push_back(any ? entry.first->second : -1);
  });
  return table;
}

ShuffleTable CopyTable(const Layout& from, const Layout& to) {
  ShuffleTable table;
  for (int64_t lane = 0; lane < to.lanes; ++lane) table.permutations.push_back(Narrow(lane));
  table.permutations.insert(table.permutations.end(), to.lanes, -1);
  ForEachPosition(to, [&](int64_t y, int64_t x) {
    const bool inside = to.Inside(y, x);
    table.from.push_back(Narrow(inside ? from.Origin() + y * from.RowStride() + x : 0));
    table.to.push_back(Narrow(to.Origin() + y * to.RowStride() + x));
    table.permutation.push_back(inside ? 0 : -1);
  });
  return table;
}

GatherTable TableTo(const Layout& from, const Layout& to) {
  GatherTable table;
  const int64_t distinct = to.LanesAreImages() ? 1 : to.lanes;
  ForEachPosition(to, [&](int64_t y, int64_t x) {
    for (int64_t lane = 0; lane < distinct; ++lane)
      table.index.push_back(Narrow(from.FloatIndex(to.MapY(y, lane), to.MapX(x, lane))));
    table.to.push_back(Narrow(to.Origin() + y * to.RowStride() + x));
  });
  return table;
}

}  // namespace sparseprune
