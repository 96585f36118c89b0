// How a feature map lies in memory while the engine works on it.
//
// Each lane of a vector owns a tile of the map (or, with images in lanes, one image), so that the
// neighbour one position away is the same lane of a neighbouring vector, for every lane at once.
// A halo around the tile repeats what the neighbouring lanes own:
//   [channel][top + tile_h + bottom][left + tile_w + right][lane]
#pragma once

#include <cstdint>
#include <vector>

namespace sparseprune {

struct Grid {
  int64_t y = 1, x = 1;  // lanes down and across; 1 x 1 when lanes are images
  bool operator==(const Grid& other) const { return y == other.y && x == other.x; }
};

struct Halo {
  int64_t top = 0, left = 0, bottom = 0, right = 0;
  bool Any() const { return top || left || bottom || right; }
  static Halo Max(const Halo& a, const Halo& b);
  bool operator==(const Halo& other) const {
    return top == other.top && left == other.left && bottom == other.bottom && right == other.right;
  }
};

struct Layout {
  int64_t channels = 1, height = 1, width = 1;
  bool flat = false;           // plain [channel][height][width] floats of one image, without lanes
  bool channels_last = false;  // flat: [height][width][channel] instead
  int64_t lanes = 1;
  Grid grid;
  int64_t tile_h = 1, tile_w = 1;
  Halo halo;
  Grid step;  // every how many rows and columns of a map it holds; `height` and `width` count those

  int64_t Rows() const { return halo.top + tile_h + halo.bottom; }
  int64_t RowStride() const { return halo.left + tile_w + halo.right; }
  // Odd, so that channels do not compete for the same cache sets.
  int64_t ChannelStride() const { return (Rows() * RowStride()) | 1; }
  int64_t Origin() const { return VectorIndex(0, 0); }
  // Of tile position (y, x), which may lie in the halo: vectors from the start of its channel.
  int64_t VectorIndex(int64_t y, int64_t x) const {
    return (halo.top + y) * RowStride() + halo.left + x;
  }
  // Calls visit(y, x) for the positions of the tile and of `reach` around it, row by row.
  template <typename Visit>
  void ForEachPosition(const Halo& reach, const Visit& visit) const {
    for (int64_t y = -reach.top; y < tile_h + reach.bottom; ++y)
      for (int64_t x = -reach.left; x < tile_w + reach.right; ++x) visit(y, x);
  }
  int64_t Bytes() const;  // throws InvalidGraph when it cannot be addressed
  bool LanesAreImages() const { return grid.y * grid.x == 1 && lanes > 1; }
  bool SameTiles(const Layout& other) const;
  // Every position of the map belongs to some lane.
  bool OwnsAll() const;
  // Some lanes own positions outside the map.
  bool HasPadding() const { return grid.y * tile_h != height || grid.x * tile_w != width; }

  // From one channel to the next, in floats.
  int64_t ChannelFloats() const;
  // Of position (y, x): floats from the start of its channel; -1 outside the map.
  int64_t FloatIndex(int64_t y, int64_t x) const;
  // Of tile position (y, x), which may lie in the halo: the map position `lane` sees there.
  int64_t MapY(int64_t y, int64_t lane) const { return lane / grid.x % grid.y * tile_h + y; }
  int64_t MapX(int64_t x, int64_t lane) const { return lane % grid.x * tile_w + x; }
  bool Inside(int64_t y, int64_t x) const;

  // tile_h x tile_w vectors: -1 in lanes inside the map, 0 outside; empty when all are inside.
  std::vector<int32_t> Mask() const;
};

}  // namespace sparseprune
