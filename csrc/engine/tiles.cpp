#include <algorithm>
#include <utility>

#include "engine/arithmetic.h"
#include "engine/conv.h"

namespace sparseprune {
namespace {

// What a tile reads of its input channels should stay in L1 (32-48 KB) beside the weight stream.
constexpr int64_t kInputBytes = 40 * 1024;
// Rows of a block should not get so short that their start and end dominate.
constexpr int64_t kFewestChannels = 8;

int64_t Span(const ConvShape& s, int axis, int64_t tile) {
  return (tile - 1) * s.stride[axis] + (s.kernel[axis] - 1) * s.dilation[axis] + 1;
}

int64_t BlockChannels(const ConvShape& s, int64_t rows, int64_t cols) {
  const int64_t bytes = Span(s, 0, rows) * Span(s, 1, cols) * 4 * s.lanes;
  const int64_t fitting = std::max(kFewestChannels, kInputBytes / bytes);
  return CeilDiv(s.in_channels, CeilDiv(s.in_channels, fitting));
}

// Cycles of one tap of one row group over `vectors` output vectors: FMAs and loads start two a
// cycle, a chain of dependent FMAs takes four cycles each, and decoding an offset costs about one.
double TapCycles(const ConvShape& s, int64_t vectors) {
  const double sums = static_cast<double>(vectors * s.block_rows);
  const double loads = static_cast<double>(vectors + s.block_rows);
  const double chains = sums <= 2 ? 4 : sums <= 6 ? 2 : 1;
  return std::max({(sums + 1.25) / 2, (loads + 1.25) / 2, 4 / chains});
}

// Starting and finishing a row group: about six cycles and a store or load per sum.
double RowCycles(const ConvShape& s, int64_t vectors) {
  return 6 + static_cast<double>(vectors * s.block_rows);
}

// The pieces are as equal as they can be, so their average size stands for all.
double Cycles(const ConvShape& s, int64_t rows, int64_t cols) {
  const int64_t pieces = CeilDiv(s.rows, rows) * CeilDiv(s.cols, cols);
  const int64_t vectors = CeilDiv(s.rows * s.cols, pieces);
  const double blocks = static_cast<double>(CeilDiv(s.in_channels, BlockChannels(s, rows, cols)));
  const double groups = static_cast<double>(CeilDiv(s.out_channels, s.block_rows));
  const double taps = static_cast<double>(s.kept) / s.block_rows;
  return static_cast<double>(pieces) *
         (taps * TapCycles(s, vectors) + groups * blocks * RowCycles(s, vectors));
}

// A tuning may come from a stranger's file.
bool Fits(const ConvShape& s, const KernelTable& kernels, const TileChoice& tile) {
  return tile.rows <= s.rows && tile.cols <= s.cols && tile.block_channels <= s.in_channels &&
         tile.rows >= 1 && tile.cols >= 1 && tile.block_channels >= 1 &&
         kernels.conv(s.block_rows, s.stride[1], tile.rows, tile.cols) != nullptr;
}

}  // namespace

std::vector<TileChoice> RankTiles(const ConvShape& shape, const KernelTable& kernels) {
  std::vector<std::pair<double, TileChoice>> ranked;
  for (int64_t rows = 1; rows <= std::min<int64_t>(shape.rows, 8); ++rows)
    for (int64_t cols = 1; cols <= std::min<int64_t>(shape.cols, 32); ++cols)
      if (kernels.conv(shape.block_rows, shape.stride[1], rows, cols) != nullptr)
        ranked.emplace_back(Cycles(shape, rows, cols),
                            TileChoice{rows, cols, BlockChannels(shape, rows, cols)});
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
