#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/arithmetic.h"
#include "engine/conv.h"

namespace sparseprune {
namespace {

// What a tile reads of its input channels should stay in L1 (32-48 KB) beside the weight stream.
constexpr int64_t kInputBytes = 40 * 1024;
// Rows of a block should not get so short that their start and end dominate.
constexpr int64_t kFewestChannels = 8;
// Candidates given to a tuner.
constexpr size_t kMostTiles = 40;

int64_t Span(const ConvShape& s, int axis, int64_t tile) {
  return (tile - 1) * s.stride[axis] + (s.kernel[axis] - 1) * s.dilation[axis] + 1;
}

// In equal blocks of at most `most`; a row sees only its group's channels, which need no splitting
// where they are few.
int64_t EqualBlocks(const ConvShape& s, int64_t most) {
  return CeilDiv(s.in_channels, CeilDiv(s.in_channels, std::max(kFewestChannels, most)));
}

int64_t BlockChannels(const ConvShape& s, int64_t rows, int64_t cols) {
  const int64_t bytes = Span(s, 0, rows) * Span(s, 1, cols) * 4 * s.lanes;
  if (s.groups > 1 && s.in_channels / s.groups <= kInputBytes / bytes) return s.in_channels;
  return EqualBlocks(s, kInputBytes / bytes);
}

// Cycles of one tap of one row group over `vectors` output vectors: FMAs and loads start two a
// cycle, a chain of dependent FMAs takes four cycles each, and decoding an offset costs about one.
double TapCycles(int width, double vectors) {
  const double sums = vectors * width, loads = vectors + width;
  const double chains = sums <= 2 ? 4 : sums <= 6 ? 2 : 1;
  return std::max({(sums + 1.25) / 2, (loads + 1.25) / 2, 4 / chains});
}

// Starting and finishing a row group: about six cycles and a store or load per sum.
double RowCycles(int width, double vectors) { return 6 + vectors * width; }

bool HasKernels(const ConvShape& s, const KernelTable& kernels, int64_t rows, int64_t cols) {
  for (int i = 0; i < 4; ++i)
    if (s.taps[i] > 0 && kernels.conv(1 << i, s.stride[1], rows, cols) == nullptr) return false;
  return kernels.conv(1, s.stride[1], rows, cols) != nullptr;
}

// A tuning may come from a stranger's file.
bool Fits(const ConvShape& s, const KernelTable& kernels, const TileChoice& tile) {
  return tile.rows >= 1 && tile.rows <= s.rows && tile.cols >= 1 && tile.cols <= s.cols &&
         tile.block_channels >= 1 && tile.block_channels <= s.in_channels && tile.part_rows >= 1 &&
         tile.part_rows <= s.out_channels && HasKernels(s, kernels, tile.rows, tile.cols);
}

}  // namespace

// The pieces are as equal as they can be, so their average size stands for all.
double TileCycles(const ConvShape& s, const TileChoice& tile) {
  const int64_t pieces = CeilDiv(s.rows, tile.rows) * CeilDiv(s.cols, tile.cols);
  const double vectors = static_cast<double>(s.rows * s.cols) / static_cast<double>(pieces);
  const double blocks = static_cast<double>(CeilDiv(s.in_channels / s.groups, tile.block_channels));
  double cycles = 0;
  for (int i = 0; i < 4; ++i) {
    if (s.taps[i] == 0) continue;
    const double taps = static_cast<double>(s.taps[i]);
    const double groups = blocks * static_cast<double>(CeilDiv(s.out_channels, 1 << i));
    const double touched = groups * (1 - std::exp(-taps / groups));
    cycles += taps * TapCycles(1 << i, vectors) + touched * RowCycles(1 << i, vectors);
  }
  return cycles * static_cast<double>(pieces);
}

std::vector<TileChoice> RankTiles(const ConvShape& shape, const KernelTable& kernels) {
  std::vector<std::pair<double, TileChoice>> ranked;
  for (int64_t rows = 1; rows <= std::min<int64_t>(shape.rows, 8); ++rows)
    for (int64_t cols = 1; cols <= std::min<int64_t>(shape.cols, 32); ++cols) {
      if (!HasKernels(shape, kernels, rows, cols)) continue;
      const TileChoice tile{rows, cols, BlockChannels(shape, rows, cols), shape.out_channels};
      ranked.emplace_back(TileCycles(shape, tile), tile);
    }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<TileChoice> tiles;
  for (const auto& entry : ranked) tiles.push_back(entry.second);
  return tiles;
}

TileChoice ChooseTile(const ConvShape& shape, const KernelTable& kernels, const Tuning& tuning) {
  const auto known = tuning.find(TuningKey(shape));
  const bool usable = known != tuning.end() && Fits(shape, kernels, known->second);
  return usable ? known->second : RankTiles(shape, kernels).front();
}

}  // namespace sparseprune
