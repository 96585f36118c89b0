// Which widths of row blocks a mask is packed in.
#include <limits>

#include "engine/conv.h"
#include "engine/patterns.h"

namespace sparseprune {
namespace {

constexpr int kWidths[] = {8, 4, 2};

// Taps of blocks of 1, 2, 4 and 8 rows when blocks of `widths` are taken in this order.
std::array<int64_t, 4> CountTaps(const PatternCounts& patterns, const std::vector<int>& widths) {
  std::array<int64_t, 4> taps{};
  for (uint32_t pattern = 0; pattern < patterns.size(); ++pattern) {
    uint32_t left = pattern;
    for (int width : widths)
      for (int shift = 0; shift < 8; shift += width) {
        const uint32_t block = ((uint32_t{1} << width) - 1) << shift;
        if ((left & block) != block) continue;
        taps[width == 8 ? 3 : width / 2] += patterns[pattern];
        left &= ~block;
      }
    for (; left != 0; left &= left - 1) taps[0] += patterns[pattern];
  }
  return taps;
}

// Any choice of the widths above, widest first; `set` has a bit for each.
std::vector<int> WidthsOf(unsigned set) {
  std::vector<int> widths;
  for (int i = 0; i < 3; ++i)
    if (set >> i & 1) widths.push_back(kWidths[i]);
  return widths;
}

}  // namespace

std::vector<int> ChooseWidths(ConvShape& shape, const WeightMatrix& matrix,
                              const KernelTable& kernels) {
  const PatternCounts patterns = CountPatterns(matrix);
  std::vector<int> best;
  ConvShape chosen = shape;
  double fewest = std::numeric_limits<double>::infinity();
  for (unsigned set = 0; set < 8; ++set) {
    const std::vector<int> widths = WidthsOf(set);
    shape.taps = CountTaps(patterns, widths);
    shape.block_rows = widths.empty() ? 1 : widths.front();
    shape.kept = shape.taps[0] + 2 * shape.taps[1] + 4 * shape.taps[2] + 8 * shape.taps[3];
    const double cycles = TileCycles(shape, RankTiles(shape, kernels).front());
    if (cycles >= fewest) continue;
    fewest = cycles;
    best = widths;
    chosen = shape;
  }
  shape = chosen;
  return best;
}

}  // namespace sparseprune
