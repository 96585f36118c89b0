// Which layout each value is made in.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "engine/concat.h"
#include "engine/geometry.h"

namespace sparseprune {

// How maps of one height and width are cut: lanes, and the positions each of them owns.
struct MapTile {
  Grid grid;
  int64_t h, w;
};
using MapSize = std::pair<int64_t, int64_t>;
using MapTiles = std::map<MapSize, MapTile>;

struct Assignment {
  std::vector<Layout> made;                // per value
  std::vector<Want> wanted;                // per step, its first input; lanes 0: any layout
  std::vector<std::vector<Want>> readers;  // per value
  std::vector<Subview> subviews;           // per value
};

// What is known before any layout is chosen.
struct Network {
  const Graph& graph;
  const std::vector<Step>& steps;
  const std::vector<Shape>& shapes;
  Mode mode;
  int64_t lanes;
};

// `tiles` has an entry for every size of a map that a step makes; unused with images in lanes.
Assignment AssignLayouts(const Network& network, const MapTiles& tiles);

// Whether a reader that wants `want` can read `layout` once its halo is wide enough.
bool Serves(const Layout& layout, const Want& want);

// The tiles with the fewest cycles for the whole network, by the estimate in tile_search.cpp.
MapTiles SearchTiles(const Network& network);

}  // namespace sparseprune
