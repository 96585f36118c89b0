// What a plan makes of each layer, and what it chose from: for people to read.
#pragma once

#include <string>
#include <vector>

#include "engine/conv.h"

namespace sparseprune {

struct TileReport {
  TileChoice tile;
  double cycles;  // of one pass on one thread, by the cost model
};

// Cycles that a pass takes at least, for the sake of one resource: starting multiply-adds ("FMA"),
// starting loads ("L1"), bytes from the second-level cache or from the one behind it ("L2", "L3").
struct Bound {
  const char* resource;
  double cycles;
};

struct LayerReport {
  std::string name;
  const char* op = "";
  Shape output;
  int64_t images = 1;  // in one pass; of two kinds of pass, the one that most images run in
  // Of layers with weights, else 0.
  double density = 0;             // share of the weights that is kept
  int block_rows = 0;             // of the widest blocks
  double blocked = 0;             // share of the kept weights in blocks of more than one row
  std::vector<Bound> bounds;      // the tightest first
  std::vector<TileReport> tiles;  // the one in use, then the best others of the cost model
  bool tuned = false;             // the one in use was timed, not estimated
};

// The steps in the order they run. Makes a plan, and forgets it. Throws InvalidGraph or
// std::bad_alloc.
std::vector<LayerReport> Describe(const Graph& graph, const std::vector<Shape>& inputs,
                                  const KernelTable& kernels, const Tuning& tuning);

}  // namespace sparseprune
