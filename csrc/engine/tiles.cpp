#include <algorithm>
#include <utility>

#include "engine/arithmetic.h"
#include "engine/conv.h"

namespace sparseprune {
namespace {

// Candidates for a tuner: best first, so what it leaves out for want of time matters least.
constexpr size_t kMostTiles = 40;
// Outputs are prefetched where they and the residual lie beyond L2 (1 MB on the CPUs measured):
// gains 5 to 20 % there, costs 1 to 3 % elsewhere.
constexpr int64_t kFarBytes = 768 * 1024;

struct Ranked {
  double cycles;
  TileChoice tile;
};

bool IsFar(const ConvShape& s) {
  return s.out_channels * s.rows * s.cols * s.lanes * 4 >= kFarBytes;
}

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

void SortByCycles(std::vector<Ranked>& ranked) {
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.cycles < b.cycles; });
}

// All channels at once, then halves, quarters and so on in equal blocks.
std::vector<Ranked> Blocks(const ConvShape& s, int64_t rows, int64_t cols) {
  std::vector<Ranked> ranked;
  for (int64_t blocks = 1; blocks <= s.in_channels / s.groups; blocks *= 2) {
    const TileChoice tile{rows, cols, CeilDiv(s.in_channels, blocks), s.out_channels, IsFar(s)};
    ranked.push_back({TileCycles(s, tile), tile});
  }
  SortByCycles(ranked);
  return ranked;
}

// Ways to run the fastest tile that the cost model cannot tell apart.
void AddVariants(std::vector<TileChoice>& tiles) {
  TileChoice other = tiles.front();
  other.prefetch = !other.prefetch;
  tiles.insert(tiles.begin() + 1, other);
  if (tiles.front().part_rows < 256) return;
  other = tiles.front();
  other.part_rows = 128;
  tiles.insert(tiles.begin() + 2, other);
}

}  // namespace

// Of each tile the three best blocks of channels.
std::vector<TileChoice> RankTiles(const ConvShape& shape, const KernelTable& kernels) {
  std::vector<Ranked> ranked;
  for (int64_t rows = 1; rows <= std::min<int64_t>(shape.rows, 8); ++rows)
    for (int64_t cols = 1; cols <= std::min<int64_t>(shape.cols, 32); ++cols) {
      if (!HasKernels(shape, kernels, rows, cols)) continue;
      const std::vector<Ranked> blocks = Blocks(shape, rows, cols);
      ranked.insert(ranked.end(), blocks.begin(),
                    blocks.begin() + std::min<std::ptrdiff_t>(3, blocks.size()));
    }
  SortByCycles(ranked);
  std::vector<TileChoice> tiles;
  for (const Ranked& entry : ranked) tiles.push_back(entry.tile);
  AddVariants(tiles);
  tiles.resize(std::min(tiles.size(), kMostTiles));
  return tiles;
}

TileChoice ChooseTile(const ConvShape& shape, const KernelTable& kernels, const Tuning& tuning) {
  const auto known = tuning.find(TuningKey(shape));
  const bool usable = known != tuning.end() && Fits(shape, kernels, known->second);
  return usable ? known->second : RankTiles(shape, kernels).front();
}

}  // namespace sparseprune
