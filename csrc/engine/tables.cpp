#include "engine/tables.h"

#include <algorithm>
#include <limits>
#include <map>

#include "engine/arithmetic.h"
#include "engine/shapes.h"

namespace sparseprune {
namespace {

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

// Numbers the orders, each once.
class Orders {
 public:
  explicit Orders(std::vector<int32_t>& all) : all_(all) {}

  int32_t Find(const std::vector<int32_t>& order) {
    const auto entry = known_.emplace(order, Narrow(static_cast<int64_t>(known_.size())));
    if (entry.second) all_.insert(all_.end(), order.begin(), order.end());
    return entry.first->second;
  }

 private:
  std::vector<int32_t>& all_;
  std::map<std::vector<int32_t>, int32_t> known_;
};

// Collects the parts of one output vector after another.
class Merger {
 public:
  Merger(const Layout& from, int64_t lanes) : from_(from), lanes_(lanes), orders_(table.orders) {}

  MergeTable table;

  // `floats`: per lane its float of the source, negative outside the map.
  void Add(int64_t to, const std::vector<int64_t>& floats) {
    std::map<int64_t, std::vector<int32_t>> parts;
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      if (floats[lane] < 0) continue;
      const int64_t from = Window(floats[lane]);
      std::vector<int32_t>& order = parts[from];
      order.resize(2 * lanes_);
      order[lane] = Narrow(floats[lane] - from);
      order[lanes_ + lane] = -1;
    }
    table.to.push_back(Narrow(to));
    table.first.push_back(Narrow(static_cast<int64_t>(table.parts.size())));
    for (const auto& [from, order] : parts)
      table.parts.push_back({Narrow(from), orders_.Find(order)});
  }

 private:
  // The start of the vector to load for one float. The last of a plain map ends with it.
  int64_t Window(int64_t at) const {
    const int64_t start = at / lanes_ * lanes_;
    return from_.flat ? std::min(start, from_.height * from_.width - lanes_) : start;
  }

  const Layout& from_;
  const int64_t lanes_;
  Orders orders_;
};

void MergeToPlain(const Layout& from, const Layout& to, int64_t lanes, Merger& merger) {
  const int64_t area = to.height * to.width;
  std::vector<int64_t> floats(lanes);
  for (int64_t v = 0; v < area; v += lanes) {
    const int64_t start = std::min(v, area - lanes);
    for (int64_t lane = 0; lane < lanes; ++lane)
      floats[lane] = from.FloatIndex((start + lane) / to.width, (start + lane) % to.width);
    merger.Add(start, floats);
  }
}

void MergeToLanes(const Layout& from, const Layout& to, Merger& merger) {
  std::vector<int64_t> floats(to.lanes);
  to.ForEachPosition(to.halo, [&](int64_t y, int64_t x) {
    for (int64_t lane = 0; lane < to.lanes; ++lane)
      floats[lane] = from.FloatIndex(to.MapY(y, lane) * to.step.y, to.MapX(x, lane) * to.step.x);
    merger.Add(to.VectorIndex(y, x) * to.lanes, floats);
  });
}

}  // namespace

int32_t Narrow(int64_t value) {
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
    throw InvalidGraph("a map is too large: position " + std::to_string(value));
  return static_cast<int32_t>(value);
}

ShuffleTable HaloTable(const Layout& layout) {
  ShuffleTable table;
  Orders orders(table.permutations);
  layout.ForEachPosition(layout.halo, [&](int64_t y, int64_t x) {
    if (y >= 0 && y < layout.tile_h && x >= 0 && x < layout.tile_w) return;
    const std::vector<int32_t> order = Permutation(layout, y, x);
    const bool any = std::find(order.begin() + layout.lanes, order.end(), -1) != order.end();
    table.permutation.push_back(any ? orders.Find(order) : -1);
    const int64_t row = y - FloorDiv(y, layout.tile_h) * layout.tile_h;
    const int64_t col = x - FloorDiv(x, layout.tile_w) * layout.tile_w;
    table.from.push_back(Narrow(layout.VectorIndex(row, col)));
    table.to.push_back(Narrow(layout.VectorIndex(y, x)));
  });
  return table;
}

ShuffleTable CopyTable(const Layout& from, const Layout& to) {
  ShuffleTable table;
  for (int64_t lane = 0; lane < to.lanes; ++lane) table.permutations.push_back(Narrow(lane));
  table.permutations.insert(table.permutations.end(), to.lanes, -1);
  to.ForEachPosition(to.halo, [&](int64_t y, int64_t x) {
    const bool inside = to.Inside(y, x);
    table.from.push_back(Narrow(inside ? from.VectorIndex(y, x) : 0));
    table.to.push_back(Narrow(to.VectorIndex(y, x)));
    table.permutation.push_back(inside ? 0 : -1);
  });
  return table;
}

MergeTable TableBetween(const Layout& from, const Layout& to, int64_t lanes) {
  Merger merger(from, lanes);
  if (to.flat)
    MergeToPlain(from, to, lanes, merger);
  else
    MergeToLanes(from, to, merger);
  merger.table.first.push_back(Narrow(static_cast<int64_t>(merger.table.parts.size())));
  return std::move(merger.table);
}

}  // namespace sparseprune
