// Convolutions and linear layers as packed weights streamed over register tiles.
#pragma once

#include "engine/geometry.h"
#include "engine/operation.h"
#include "engine/pack.h"

namespace sparseprune {

// Everything about one layer that the choice of tiles depends on.
struct ConvShape {
  int64_t rows, cols;  // output vectors of one tile of the map
  int64_t kernel[2], stride[2], dilation[2];
  int64_t in_channels, kept, out_channels;
  int block_rows, lanes;
};

// A register tile and how many input channels stream through it at a time.
struct TileChoice {
  int64_t rows, cols, block_channels;
};
TileChoice ChooseTile(const ConvShape& shape, const KernelTable& kernels);

struct ConvPlaces {
  Layout input, output, residual;
  Source from, residual_from;
  int buffer;
  bool has_residual;
};
// kConv, or kLinear with images in lanes.
OperationPtr MakeConv(const KernelTable& kernels, const Step& step, const ConvPlaces& places);

// kLinear for one image.
OperationPtr MakeGemv(const KernelTable& kernels, const Step& step, Source from, int buffer);

// What a layer without bias adds.
std::vector<float> BiasOf(const Node& node);
WeightMatrix MatrixOf(const Node& node);

// Multiply-adds a task should have to be worth handing to another thread (a hand-over costs about
// 0.5 us, 100 000 of them at least 2 us).
constexpr int64_t kTaskWork = 100'000;

}  // namespace sparseprune
