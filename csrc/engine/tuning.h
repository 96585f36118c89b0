// Which register tile each layer was found to run fastest with, on one CPU.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace sparseprune {

struct KernelTable;

// Everything about one layer that the choice of tiles depends on.
struct ConvShape {
  int64_t rows, cols;  // output vectors of one tile of the map
  int64_t kernel[2], stride[2], dilation[2];
  int64_t in_channels, kept, out_channels;
  int block_rows, lanes;        // of the widest blocks
  std::array<int64_t, 4> taps;  // of blocks of 1, 2, 4 and 8 rows
  int64_t groups = 1;
};

// A register tile, how many input channels stream through it at a time, how many output channels
// (about) it makes before it moves on to the next ones, and whether outputs are prefetched.
struct TileChoice {
  int64_t rows, cols, block_channels, part_rows;
  bool prefetch = false;

  bool operator==(const TileChoice& other) const {
    return rows == other.rows && cols == other.cols && block_channels == other.block_channels &&
           part_rows == other.part_rows && prefetch == other.prefetch;
  }
};

// By TuningKey; a layer that is not in it takes the best tile of the cost model (tiles.cpp).
using Tuning = std::map<std::string, TileChoice>;

// Equal for layers that run alike: shape, density in whole percents, heights of blocks.
std::string TuningKey(const ConvShape& shape);

}  // namespace sparseprune
