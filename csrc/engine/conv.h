// Convolutions and linear layers as packed weights streamed over register tiles.
#pragma once

#include "engine/geometry.h"
#include "engine/operation.h"
#include "engine/pack.h"
#include "engine/tuning.h"

namespace sparseprune {

// Tiles worth trying, the best by the cost model first: what a layer gets without tuning.
std::vector<TileChoice> RankTiles(const ConvShape& shape, const KernelTable& kernels);
// As `tuning` has it, where it names a tile these kernels have; else the first of RankTiles.
TileChoice ChooseTile(const ConvShape& shape, const KernelTable& kernels, const Tuning& tuning);
// What the cost model expects a pass to take on one thread.
double TileCycles(const ConvShape& shape, const TileChoice& tile);

// The block widths (descending, without 1) with the fewest cycles on `shape`, whose taps and block
// rows are set for them.
std::vector<int> ChooseWidths(ConvShape& shape, const WeightMatrix& matrix,
                              const KernelTable& kernels);

struct ConvPlaces {
  Layout input, output, residual;
  Source from, residual_from;
  int buffer;
  bool has_residual;
  Window window;  // strides in vectors of `input`
};
// kConv, or kLinear with images in lanes.
OperationPtr MakeConv(const KernelTable& kernels, const Tuning& tuning, const Step& step,
                      const ConvPlaces& places);

// kLinear for one image.
OperationPtr MakeGemv(const KernelTable& kernels, const Step& step, Source from, int buffer);

// What a layer without bias adds.
std::vector<float> BiasOf(const Node& node);
// All of a layer's weights, zeros included.
WeightMatrix MatrixOf(const Node& node);

// Multiply-adds a task should have to be worth handing to another thread (a hand-over costs about
// 0.5 us, 40 000 of them at least 0.8 us).
constexpr int64_t kTaskWork = 40'000;

}  // namespace sparseprune
