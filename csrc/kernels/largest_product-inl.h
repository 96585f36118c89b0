// A matrix product with the largest term in place of the sum: what one input contributes to one
// output at most, over all positions (paper: SiPP and PFP take the maximum over patches).

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

constexpr int kTermRows = 4;  // of the result at a time
constexpr int kTermCols = 2;  // vectors of it

// A tile of Rows x Cols vectors, from what it holds already.
template <int Rows, int Cols>
SP_INLINE void LargestTile(const LargestProductTask& t, int64_t row, int64_t col, int64_t first,
                           int64_t end) {
  Vec best[Rows][Cols];
  SP_UNROLL for (int i = 0; i < Rows; ++i) SP_UNROLL for (int j = 0; j < Cols; ++j) best[i][j] =
      Load(t.result + (row + i) * t.cols + col + j * kLanes);
  for (int64_t p = first; p < end; ++p) {
    Vec b[Cols];
    SP_UNROLL for (int j = 0; j < Cols; ++j) b[j] = Load(t.b + p * t.cols + col + j * kLanes);
    SP_UNROLL for (int i = 0; i < Rows; ++i) {
      const Vec a = Splat(t.a[p * t.rows + row + i]);
      SP_UNROLL for (int j = 0; j < Cols; ++j) best[i][j] = Larger(best[i][j], a * b[j]);
    }
  }
  SP_UNROLL for (int i = 0; i < Rows; ++i) SP_UNROLL for (int j = 0; j < Cols; ++j)
      Store(t.result + (row + i) * t.cols + col + j * kLanes, best[i][j]);
}

// The columns past the last whole vector, one by one.
SP_INLINE void LargestTail(const LargestProductTask& t, int64_t row, int64_t col, int64_t first,
                           int64_t end) {
  float best = t.result[row * t.cols + col];
  for (int64_t p = first; p < end; ++p) {
    const float term = t.a[p * t.rows + row] * t.b[p * t.cols + col];
    best = term > best ? term : best;
  }
  t.result[row * t.cols + col] = best;
}

template <int Cols>
SP_INLINE void LargestColumns(const LargestProductTask& t, int64_t col, int64_t first,
                              int64_t end) {
  int64_t row = 0;
  for (; row + kTermRows <= t.rows; row += kTermRows)
    LargestTile<kTermRows, Cols>(t, row, col, first, end);
  for (; row < t.rows; ++row) LargestTile<1, Cols>(t, row, col, first, end);
}

void LargestProduct(const LargestProductTask& t) {
  // So many positions of a tile's columns stay in the first-level cache for all rows: 16 KB.
  constexpr int64_t kBlock = 16384 / (kTermCols * kVectorBytes);
  for (int64_t first = 0; first < t.positions; first += kBlock) {
    const int64_t end = first + kBlock < t.positions ? first + kBlock : t.positions;
    int64_t col = 0;
    for (; col + kTermCols * kLanes <= t.cols; col += kTermCols * kLanes)
      LargestColumns<kTermCols>(t, col, first, end);
    for (; col + kLanes <= t.cols; col += kLanes) LargestColumns<1>(t, col, first, end);
    for (; col < t.cols; ++col)
      for (int64_t row = 0; row < t.rows; ++row) LargestTail(t, row, col, first, end);
  }
}
