// The cost model of convolutions: which tile is fastest, and roughly how fast.
//
// Fitted on Zen 4 (32 KB L1, one 512-bit load and FMA a cycle) to 4500 timings of the layers of
// ResNet-50 in place: 90 % zeros, single and in blocks of four rows, 20 tiles each with up to seven
// blocks of channels. The tiles it picks take 4 % longer than the best of all timed ones.
#include <algorithm>
#include <cmath>

#include "engine/arithmetic.h"
#include "engine/conv.h"
#include "engine/cpu.h"

namespace sparseprune {
namespace {

// Starting and finishing a row group, and for each of its sums a load, a store, an activation and
// what the partial sums of other blocks push out of L1.
constexpr double kGroupCycles = 10, kSumCycles = 4;
// Reading a line for the first time, from L2 or beyond.
constexpr double kFirstCycles = 3.4;
// The input of a block may be twice as large as L1 before it costs more than shorter rows would:
// up to there half of the loads still hit, and the others overlap with them. Not so with 8 lanes,
// where two loads start a cycle and a line from L2 is dearer by comparison.
constexpr double kFittingL1 = 2.0, kFittingL1Narrow = 1.0;
// Beside the FMAs of a tap: offsets, addresses, the loop. They hide less where FMAs take half the
// time: 0.28 cycles with 16 lanes, twice that with 8.
constexpr double kTapCycles = 0.28;
// Each load beyond: as far as it does not hit, two cycles for a line from L2, and what waits for
// it.
constexpr double kMissCycles = 3;
// Above eight sums of single rows (measured 9 % at 14 and 16): the loop outgrows the micro-op
// cache.
constexpr double kManySums = 1.1;

int64_t Span(const ConvShape& s, int axis, double tile) {
  return static_cast<int64_t>(std::ceil((tile - 1) * static_cast<double>(s.stride[axis]))) +
         (s.kernel[axis] - 1) * s.dilation[axis] + 1;
}

// The average piece: they are as equal as they can be.
struct Piece {
  double count, vectors, lines;  // lines of one input channel
};

Piece PieceOf(const ConvShape& s, const TileChoice& tile) {
  const auto down = static_cast<double>(CeilDiv(s.rows, tile.rows));
  const auto across = static_cast<double>(CeilDiv(s.cols, tile.cols));
  const double rows = static_cast<double>(s.rows) / down,
               cols = static_cast<double>(s.cols) / across;
  const bool strided = s.kernel[0] * s.kernel[1] == 1;  // touches only what it reads
  const double seen =
      strided ? rows * cols : static_cast<double>(Span(s, 0, rows) * Span(s, 1, cols));
  return {down * across, rows * cols, seen};
}

// One tap of a group: loads and FMAs start once a cycle with 16 lanes, else twice; a chain of
// dependent FMAs takes four cycles each.
double TapCycles(const ConvShape& s, int width, double vectors, double miss) {
  const double rate = s.lanes == 16 ? 1 : 2;
  const double sums = vectors * width;
  const double weights = width == 1 ? 0.45 : 0.5 * width;
  const double chains = sums <= 2 ? 4 : sums <= 6 ? 2 : 1;
  const double line = 4.0 * s.lanes / 64;
  const double loads = (vectors + weights) / rate + vectors * miss * kMissCycles * line;
  const double many = width == 1 && sums > 8 ? kManySums : 1;
  return many * std::max({sums / rate + kTapCycles * rate, loads, 4 / chains});
}

}  // namespace

double TileCycles(const ConvShape& s, const TileChoice& tile) {
  const Piece piece = PieceOf(s, tile);
  const int64_t seen = s.in_channels / s.groups, block = std::min(tile.block_channels, seen);
  const double bytes = static_cast<double>(block) * piece.lines * 4 * s.lanes;
  const double fitting =
      (s.lanes == 16 ? kFittingL1 : kFittingL1Narrow) * static_cast<double>(L1Bytes());
  const double miss = std::max(0.0, 1 - fitting / bytes);
  const auto blocks = static_cast<double>(CeilDiv(seen, block));
  double cycles = static_cast<double>(s.in_channels) * piece.lines * kFirstCycles * s.lanes / 16;
  for (int i = 0; i < 4; ++i) {
    if (s.taps[i] == 0) continue;
    const int width = 1 << i;
    const auto taps = static_cast<double>(s.taps[i]);
    const double groups = blocks * static_cast<double>(CeilDiv(s.out_channels, width));
    const double touched = groups * (1 - std::exp(-taps / groups));
    cycles += taps * TapCycles(s, width, piece.vectors, miss) +
              touched * (kGroupCycles + kSumCycles * piece.vectors * width);
  }
  return cycles * piece.count;
}

}  // namespace sparseprune
