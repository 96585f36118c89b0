// What a plan makes of each layer, and why: for people to read.
#pragma once

#include <string>
#include <vector>

#include "engine/conv.h"

namespace sparseprune {

struct TileReport {
  TileChoice tile;
  double cycles;  // of one pass on one thread, by the cost model
};

// What a layer cannot be faster than, whatever its tiles.
struct Bound {
  const char* resource;
  double cycles;
};

struct LayerReport {
  std::string name;
  const char* op;
  Shape output;               // of one pass
  int64_t images = 1;         // of one pass
  bool layer = false;         // has weights; else the rest but `output` is empty
  double density = 0;         // share of weights kept
  int block_rows = 1;         // of the widest blocks
  double blocked = 0;         // share of the kept weights that lie in blocks of more than one row
  std::vector<Bound> bounds;  // the tightest first
  std::vector<TileReport> tiles;  // the one in use, then the best others by the cost model
  bool tuned = false;             // the one in use was timed, not estimated
};

// Of the passes for these shapes in the order they run: as Plan makes them, whatever it does.
// Throws InvalidGraph or std::bad_alloc.
std::vector<LayerReport> Describe(const Graph& graph, const std::vector<Shape>& inputs,
                                  const KernelTable& kernels, const Tuning& tuning);

}  // namespace sparseprune
