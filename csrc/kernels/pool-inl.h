// Pooling, by columns: windows one stride apart share the columns they have in common.

// Columns held at once: 4 KB at most, so that they stay in L1 beside the rows they come from.
constexpr int64_t kColumns = 64;

struct Greatest {
  static SP_INLINE Vec Join(Vec best, Vec v) { return MaxOrNan(best, v); }
};

struct Sum {
  static SP_INLINE Vec Join(Vec a, Vec b) { return a + b; }
};

template <typename Reduce>
SP_INLINE void ReduceColumns(const PoolTask& t, const char* from, int64_t count, Vec* columns) {
  const int64_t row_bytes = t.input.row_stride * kVectorBytes;
  for (int64_t x = 0; x < count; ++x) {
    const char* at = from + x * kVectorBytes;
    Vec v = At(at, 0);
    for (int64_t ky = 1; ky < t.kernel[0]; ++ky) v = Reduce::Join(v, At(at += row_bytes, 0));
    columns[x] = v;
  }
}

// Windows wider than kColumns are reduced piece by piece.
template <typename Reduce>
SP_INLINE void PoolRow(const PoolTask& t, const char* from, char* to) {
  const int64_t piece = t.kernel[1] < kColumns ? t.kernel[1] : kColumns;
  const int64_t most = 1 + (kColumns - piece) / t.stride[1];
  Vec columns[kColumns];
  for (int64_t x = 0; x < t.region.cols; x += most) {
    const int64_t count = t.region.cols - x < most ? t.region.cols - x : most;
    for (int64_t kx = 0; kx < t.kernel[1]; kx += piece) {
      const int64_t width = t.kernel[1] - kx < piece ? t.kernel[1] - kx : piece;
      ReduceColumns<Reduce>(t, from + (x * t.stride[1] + kx) * kVectorBytes,
                            (count - 1) * t.stride[1] + width, columns);
      for (int64_t i = 0; i < count; ++i) {
        Vec v = columns[i * t.stride[1]];
        for (int64_t k = 1; k < width; ++k) v = Reduce::Join(v, columns[i * t.stride[1] + k]);
        At(to, x + i) = kx == 0 ? v : Reduce::Join(At(to, x + i), v);
      }
    }
  }
}

// `finish(row, first)` completes a row of output vectors, the region's `first` and following.
template <typename Reduce, typename Finish>
SP_INLINE void Pool(const PoolTask& t, const Finish& finish) {
  for (int64_t c = 0; c < t.region.channels; ++c)
    for (int64_t y = 0; y < t.region.rows; ++y) {
      const int64_t in = c * t.input.channel_stride + y * t.stride[0] * t.input.row_stride;
      const int64_t out = c * t.output.channel_stride + y * t.output.row_stride;
      char* row = t.output.data + out * kVectorBytes;
      PoolRow<Reduce>(t, t.input.data + in * kVectorBytes, row);
      finish(row, y * t.region.cols);
    }
}

void MaxPool(const PoolTask& t) {
  Pool<Greatest>(t, [&t](char* row, int64_t first) __attribute__((always_inline)) {
    if (t.mask == nullptr) return;
    for (int64_t x = 0; x < t.region.cols; ++x)
      At(row, x) = Masked(At(row, x), t.mask + (first + x) * kVectorBytes);
  });
}

// A lane outside the map may have met an infinity, so its zero is chosen, not multiplied.
void AveragePool(const PoolTask& t) {
  Pool<Sum>(t, [&t](char* row, int64_t first) __attribute__((always_inline)) {
    for (int64_t x = 0; x < t.region.cols; ++x) {
      const Vec factors = Load(t.factors + (first + x) * kLanes);
      At(row, x) = And(At(row, x) * factors, factors != Vec{});
    }
  });
}
