#include <algorithm>

#include "engine/arithmetic.h"
#include "engine/assign.h"

namespace sparseprune {
namespace {

// Cycles, measured: a vector gathered lane by lane, a halo vector permuted, one vector FMA whose
// input comes from the cache, any other vector operation.
constexpr double kGatherCycles = 25, kHaloCycles = 2, kFmaCycles = 0.7, kOtherCycles = 2;
// The descent ends by itself; a bound in case two choices keep swapping.
constexpr int kMostRounds = 6;

// Cycles for one vector of every output channel.
double WorkPerVector(const Step& step) {
  const Node& node = *step.node;
  if (step.op != Op::kConv) return 0;
  return kFmaCycles * static_cast<double>(node.weight.kept());
}

// In floating point: what a reader wants may be too large for any memory, which is refused later.
double PlaneVectors(const Layout& layout) {
  return static_cast<double>(layout.Rows()) * static_cast<double>(layout.RowStride());
}

double TileVectors(const Layout& layout) {
  return static_cast<double>(layout.tile_h) * static_cast<double>(layout.tile_w);
}

// Vectors gathered because readers want other tiles than a value is made in.
double CopiedVectors(const Layout& made, const std::vector<Want>& readers) {
  double vectors = 0;
  std::vector<Want> copies;
  for (const Want& want : readers) {
    if (want.layout.lanes == 0 || want.layout.flat || Serves(made, want)) continue;
    const bool known = std::any_of(copies.begin(), copies.end(), [&](const Want& copy) {
      return copy.fill == want.fill && copy.layout.SameTiles(want.layout);
    });
    if (known) continue;
    copies.push_back(want);
    vectors += PlaneVectors(want.layout) * static_cast<double>(made.channels);
  }
  return vectors;
}

class Search {
 public:
  explicit Search(const Network& network) : network_(network) {
    for (const Step& step : network.steps) {
      work_.push_back(WorkPerVector(step));
      const Shape& shape = network.shapes[step.output];
      if (shape.size() == 4) tiles.emplace(MapSize{shape[2], shape[3]}, MapTile{});
    }
    for (auto& [size, tile] : tiles) tile = Candidates(size).front();
  }

  // One size after another takes its best tile while the others keep theirs.
  void Run() {
    double fewest = Cycles();
    for (int round = 0; round < kMostRounds; ++round) {
      const double before = fewest;
      for (auto& entry : tiles) fewest = Improve(entry.first, entry.second, fewest);
      if (fewest == before) return;
    }
  }

  MapTiles tiles;

 private:
  double Improve(const MapSize& size, MapTile& tile, double fewest) {
    MapTile best = tile;
    for (const MapTile& candidate : Candidates(size)) {
      tile = candidate;
      const double cycles = Cycles();
      if (cycles >= fewest) continue;
      fewest = cycles;
      best = candidate;
    }
    tile = best;
    return fewest;
  }

  // The fewest vectors first, and among equals the squarest, which has the smallest halo. Tiles
  // of even size, and a multiple of four or eight, fit maps of half, a quarter, an eighth.
  std::vector<MapTile> Candidates(const MapSize& size) const {
    std::vector<MapTile> candidates;
    for (int64_t down = 1; down <= network_.lanes; down *= 2)
      for (int64_t multiple : {1, 2, 4, 8}) {
        const Grid grid{down, network_.lanes / down};
        candidates.push_back({grid, CeilDiv(CeilDiv(size.first, grid.y), multiple) * multiple,
                              CeilDiv(CeilDiv(size.second, grid.x), multiple) * multiple});
      }
    const auto key = [](const MapTile& t) {
      return std::make_pair(t.h * t.w, std::max(t.grid.y, t.grid.x));
    };
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](const MapTile& a, const MapTile& b) { return key(a) < key(b); });
    return candidates;
  }

  double Cycles() const {
    const Assignment layouts = AssignLayouts(network_, tiles);
    double cycles = 0;
    for (size_t i = 0; i < network_.steps.size(); ++i) {
      const ValueId value = network_.steps[i].output;
      const Layout& made = layouts.made[value];
      const double channels = static_cast<double>(made.channels), tile = TileVectors(made);
      if (!made.flat)
        cycles += (work_[i] + kOtherCycles * channels) * tile +
                  kHaloCycles * channels * (PlaneVectors(made) - tile);
      cycles += kGatherCycles * CopiedVectors(made, layouts.readers[value]);
    }
    for (ValueId id : network_.graph.inputs)
      cycles += kGatherCycles * CopiedVectors(layouts.made[id], layouts.readers[id]);
    return cycles;
  }

  const Network& network_;
  std::vector<double> work_;
};

}  // namespace

MapTiles SearchTiles(const Network& network) {
  if (network.mode.images_in_lanes) return {};
  Search search(network);
  search.Run();
  return search.tiles;
}

}  // namespace sparseprune
