// A matrix product with the largest term in place of the sum: what one input contributes to one
// output at most, over all positions (paper: SiPP and PFP take the maximum over patches). Each
// entry takes the factor of its weight's sign, as the mean does (largest_mean-inl.h).

// No NaN arrives here, so the plain maximum of the instruction set will do.
SP_INLINE Vec Larger(Vec a, Vec b) {
#if SP_LANES == 16
  return _mm512_maskz_max_ps(0xffff, a, b);
#elif SP_LANES == 8
  return _mm256_max_ps(a, b);
#else
  return a > b ? a : b;
#endif
}

constexpr int kTermRows = 3;  // of the result at a time: a mask register for each vector
constexpr int kTermCols = 2;  // vectors of it
// So many positions of a tile's columns stay in the first-level cache for all rows: 16 KB.
constexpr int64_t kTermBlock = 16384 / (kTermCols * kVectorBytes);
static_assert(kTermBlock % kTermRun == 0, "runs must not lie across blocks");

SP_INLINE bool AnyPositive(Vec a) {
#if SP_LANES == 16
  return _mm512_cmp_ps_mask(a, Splat(0.0f), _CMP_GT_OQ) != 0;
#elif SP_LANES == 8
  return _mm256_movemask_ps(_mm256_cmp_ps(a, Splat(0.0f), _CMP_GT_OQ)) != 0;
#else
  bool any = false;
  SP_UNROLL for (int i = 0; i < kLanes; ++i) any |= a[i] > 0;
  return any;
#endif
}

// Whether the largest of a run's rows and columns, multiplied, exceed what some entry of a tile
// holds. If not, no product of the run does: rounding keeps the order of products.
template <int Rows, int Cols>
SP_INLINE bool MayExceed(const float* rows, int64_t negative, const Vec* cols,
                         Chosen (&positive)[Rows][Cols], Vec (&best)[Rows][Cols]) {
  // No run exceeds by less than nothing.
  Vec excess = {};
  SP_UNROLL for (int i = 0; i < Rows; ++i) {
    const Vec above = Splat(rows[i]), below = Splat(rows[negative + i]);
    SP_UNROLL for (int j = 0; j < Cols; ++j) excess =
        Larger(excess, Choose(positive[i][j], above, below) * cols[j] - best[i][j]);
  }
  return AnyPositive(excess);
}

// A tile of Rows x Cols vectors, from what it holds already. `largest` are the largest of each run
// of positions from `first` on, Cols vectors for each.
template <int Rows, int Cols>
SP_INLINE void LargestTile(const LargestProductTask& t, int64_t row, int64_t col, int64_t first,
                           int64_t end, const Vec* largest) {
  Chosen positive[Rows][Cols];
  Vec best[Rows][Cols];
  SP_UNROLL for (int i = 0; i < Rows; ++i) SP_UNROLL for (int j = 0; j < Cols; ++j) {
    const int64_t entry = (row + i) * t.cols + col + j * kLanes;
    positive[i][j] = Positive(Load(t.weights + entry));
    best[i][j] = Load(t.result + entry);
  }
  for (; first < end; first += kTermRun, largest += Cols) {
    const float* bounds = t.largest_a + first / kTermRun * 2 * t.rows + row;
    if (!MayExceed(bounds, t.rows, largest, positive, best)) continue;
    const int64_t last = first + kTermRun < end ? first + kTermRun : end;
    for (int64_t p = first; p < last; ++p) {
      Vec b[Cols];
      SP_UNROLL for (int j = 0; j < Cols; ++j) b[j] = Load(t.b + p * t.cols + col + j * kLanes);
      SP_UNROLL for (int i = 0; i < Rows; ++i) {
        const float* a = t.a + p * 2 * t.rows + row + i;
        const Vec above = Splat(a[0]), below = Splat(a[t.rows]);
        SP_UNROLL for (int j = 0; j < Cols; ++j) best[i][j] =
            Larger(best[i][j], Choose(positive[i][j], above, below) * b[j]);
      }
    }
  }
  SP_UNROLL for (int i = 0; i < Rows; ++i) SP_UNROLL for (int j = 0; j < Cols; ++j)
      Store(t.result + (row + i) * t.cols + col + j * kLanes, best[i][j]);
}

// The columns past the last whole vector, one by one.
SP_INLINE void LargestTail(const LargestProductTask& t, int64_t row, int64_t col, int64_t first,
                           int64_t end) {
  float best = t.result[row * t.cols + col];
  const float* a = t.a + (t.weights[row * t.cols + col] > 0 ? row : t.rows + row);
  for (int64_t p = first; p < end; ++p) {
    const float term = a[p * 2 * t.rows] * t.b[p * t.cols + col];
    best = term > best ? term : best;
  }
  t.result[row * t.cols + col] = best;
}

template <int Cols>
SP_INLINE void LargestColumns(const LargestProductTask& t, int64_t col, int64_t first,
                              int64_t end) {
  Vec largest[kTermBlock / kTermRun * Cols];
  for (int64_t p = first; p < end; ++p) {
    Vec* run = largest + (p - first) / kTermRun * Cols;
    SP_UNROLL for (int j = 0; j < Cols; ++j) {
      const Vec b = Load(t.b + p * t.cols + col + j * kLanes);
      run[j] = (p - first) % kTermRun == 0 ? b : Larger(run[j], b);
    }
  }
  int64_t row = 0;
  for (; row + kTermRows <= t.rows; row += kTermRows)
    LargestTile<kTermRows, Cols>(t, row, col, first, end, largest);
  for (; row < t.rows; ++row) LargestTile<1, Cols>(t, row, col, first, end, largest);
}

void LargestProduct(const LargestProductTask& t) {
  for (int64_t first = 0; first < t.positions; first += kTermBlock) {
    const int64_t end = first + kTermBlock < t.positions ? first + kTermBlock : t.positions;
    int64_t col = 0;
    for (; col + kTermCols * kLanes <= t.cols; col += kTermCols * kLanes)
      LargestColumns<kTermCols>(t, col, first, end);
    for (; col + kLanes <= t.cols; col += kLanes) LargestColumns<1>(t, col, first, end);
    for (; col < t.cols; ++col)
      for (int64_t row = 0; row < t.rows; ++row) LargestTail(t, row, col, first, end);
  }
}
