#include "engine/layout.h"

#include <algorithm>
#include <limits>

#include "engine/shapes.h"

namespace sparseprune {
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
  if (flat || other.flat) return flat && other.flat && channels_last == other.channels_last;
  return grid == other.grid && tile_h == other.tile_h && tile_w == other.tile_w &&
         step == other.step;
}

bool Layout::Inside(int64_t y, int64_t x) const {
  return y >= 0 && y < height && x >= 0 && x < width;
}

int64_t Layout::ChannelFloats() const {
  if (!flat) return ChannelStride() * lanes;
  return channels_last ? 1 : height * width;
}

int64_t Layout::FloatIndex(int64_t y, int64_t x) const {
  if (!Inside(y, x)) return -1;
  if (flat) return (y * width + x) * (channels_last ? channels : 1);
  return VectorIndex(y % tile_h, x % tile_w) * lanes + y / tile_h * grid.x + x / tile_w;
}

std::vector<int32_t> Layout::Mask() const {
  std::vector<int32_t> mask;
  if (!HasPadding()) return mask;
  ForEachPosition({}, [&](int64_t y, int64_t x) {
    for (int64_t lane = 0; lane < lanes; ++lane)
      mask.push_back(Inside(MapY(y, lane), MapX(x, lane)) ? -1 : 0);
  });
  return mask;
}

}  // namespace sparseprune
