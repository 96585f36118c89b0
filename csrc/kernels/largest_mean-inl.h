// A mean over positions, kept where it is the largest so far: what the inputs contribute to each
// output (paper: SiPP). A weight contributes to the total of its sign alone, so each entry picks
// the factor of its sign; a library would multiply with both and throw half of it away.

// Of a tile: with two rows, what the registers hold.
constexpr int kMeanCols = SP_LANES == 16 ? 4 : SP_LANES == 8 ? 3 : 2;
static_assert(kMeanCols <= kMostMeanCols, "the room is too small");
constexpr int64_t kMeanWidth = kMeanCols * kLanes;

// 1 / (positions * total), [inputs][blocks][pairs of rows][positions of the block][4]: for each of
// the two rows that of its positive total, then that of its negative one.
SP_INLINE void PackFactors(const LargestMeanTask& t) {
  const int64_t pairs = (t.rows + 1) / 2;
  const float divisor = static_cast<float>(t.positions);
  for (int64_t p = 0; p < t.inputs * t.positions; ++p) {
    const float* totals = t.totals + 2 * t.rows * p;
    for (int64_t i = 0; i < 2 * t.rows; ++i)
      t.line[i] = totals[i] > t.nothing ? 1 / (divisor * totals[i]) : 0;
    const int64_t within = p % t.positions, first = within / kMeanBlock * kMeanBlock;
    const int64_t block = t.positions - first < kMeanBlock ? t.positions - first : kMeanBlock;
    float* to = t.factors + 4 * ((p - within + first) * pairs + within - first);
    const float *above = t.line, *below = t.line + t.rows;
    // Past the last row of an odd number any factor will do: nobody picks it.
    for (int64_t pair = 0; pair < pairs; ++pair, to += 4 * block, above += 2, below += 2) {
      to[0] = above[0];
      to[1] = below[0];
      to[2] = above[1];
      to[3] = below[1];
    }
  }
}

// The `width` floats of vector j of a tile's columns, zero past them.
SP_INLINE Vec LoadColumns(const float* from, int64_t width, int j) {
  const int64_t count = width - j * kLanes;
  if (count >= kLanes) return Load(from + j * kLanes);
  return count > 0 ? LoadSome(from + j * kLanes, count, Vec{}) : Vec{};
}

// Positions from `first` to `end` of a tile's columns.
SP_INLINE void PackPanel(const LargestMeanTask& t, int64_t col, int64_t first, int64_t end) {
  float* to = t.panel;
  for (int64_t p = first; p < end; ++p, to += kMeanWidth)
    SP_UNROLL for (int j = 0; j < kMeanCols; ++j)
        Store(to + j * kLanes, LoadColumns(t.b + p * t.cols + col, t.cols - col, j));
}

// Sums over the positions in the panel, on top of those before.
template <int Rows>
SP_INLINE void MeanTile(const LargestMeanTask& t, int64_t row, int64_t col, int64_t first,
                        int64_t end, const float* factors) {
  IntVec picks[Rows][kMeanCols];
  Vec sum[Rows][kMeanCols];
  float* sums = t.sums + row * kMeanWidth;
  SP_UNROLL for (int i = 0; i < Rows; ++i) SP_UNROLL for (int j = 0; j < kMeanCols; ++j) {
    const float* weights = t.weights + (row + i) * t.cols + col;
    picks[i][j] = Picks(LoadColumns(weights, t.cols - col, j), i);
    sum[i][j] = first == 0 ? Vec{} : Load(sums + i * kMeanWidth + j * kLanes);
  }
  const float* panel = t.panel;
  for (int64_t p = first; p < end; ++p, factors += 4, panel += kMeanWidth) {
    const Vec fours = Fours(factors);
    SP_UNROLL for (int j = 0; j < kMeanCols; ++j) {
      const Vec b = Load(panel + j * kLanes);
      SP_UNROLL for (int i = 0; i < Rows; ++i) sum[i][j] += Pick(fours, picks[i][j], i) * b;
    }
  }
  SP_UNROLL for (int i = 0; i < Rows; ++i) SP_UNROLL for (int j = 0; j < kMeanCols; ++j)
      Store(sums + i * kMeanWidth + j * kLanes, sum[i][j]);
}

// The sums of a tile's columns, where they are the largest.
SP_INLINE void RaiseToSums(const LargestMeanTask& t, int64_t col) {
  const int64_t width = t.cols - col < kMeanWidth ? t.cols - col : kMeanWidth;
  for (int64_t row = 0; row < t.rows; ++row) {
    float* result = t.result + row * t.cols + col;
    const float* sums = t.sums + row * kMeanWidth;
    for (int64_t lane = 0; lane < width; ++lane)
      result[lane] = sums[lane] > result[lane] ? sums[lane] : result[lane];
  }
}

void LargestMean(const LargestMeanTask& t) {
  const int64_t pairs = (t.rows + 1) / 2;
  const int64_t whole = t.inputs * t.positions;
  PackFactors(t);
  // Inputs within columns: weights and results of a large layer are more than caches hold.
  for (int64_t col = 0; col < t.cols; col += kMeanWidth) {
    for (int64_t start = 0; start < whole; start += t.positions) {
      for (int64_t first = 0; first < t.positions; first += kMeanBlock) {
        const int64_t end = first + kMeanBlock < t.positions ? first + kMeanBlock : t.positions;
        const float* factors = t.factors + 4 * pairs * (start + first);
        PackPanel(t, col, start + first, start + end);
        int64_t row = 0;
        for (; row + 2 <= t.rows; row += 2, factors += 4 * (end - first))
          MeanTile<2>(t, row, col, first, end, factors);
        if (row < t.rows) MeanTile<1>(t, row, col, first, end, factors);
      }
      RaiseToSums(t, col);
    }
  }
}
