// Which tiles of conv-inl.h exist. Registers set the limit: AVX-512 has 32, the others 16, and
// besides the sums BR > 1 holds the shared inputs, BR == 1 one weight.
constexpr int MaxVectors(int block_rows) {
  if (SP_LANES == 16) return block_rows == 1 ? 16 : block_rows == 2 ? 8 : block_rows == 4 ? 6 : 3;
  return block_rows == 1 ? 12 : block_rows == 2 ? 5 : block_rows == 4 ? 3 : 1;
}

template <int BR, int S, int RY, int RX>
ConvKernel PickCols(int64_t cols) {
  if constexpr (RX == 0) {
    return nullptr;
  } else if constexpr (RY * RX > MaxVectors(BR)) {
    return PickCols<BR, S, RY, RX - 1>(cols);
  } else {
    if (cols == RX) return &Conv<BR, RY, RX, S>;
    return PickCols<BR, S, RY, RX - 1>(cols);
  }
}

// Up to 8 columns at stride 1 and 4 at stride 2, where most maps are small.
template <int BR, int S>
ConvKernel PickRows(int64_t rows, int64_t cols) {
  constexpr int kCols = S == 1 ? 8 : 4;
  switch (rows) {
    case 1:
      return PickCols<BR, S, 1, kCols>(cols);
    case 2:
      return PickCols<BR, S, 2, kCols>(cols);
    case 3:
      return PickCols<BR, S, 3, kCols>(cols);
    case 4:
      return PickCols<BR, S, 4, kCols>(cols);
  }
  return nullptr;
}

// With one column the column stride is never used, so stride 1 serves any stride.
template <int BR>
ConvKernel PickStride(int64_t stride, int64_t rows, int64_t cols) {
  if (stride == 1 || cols == 1) return PickRows<BR, 1>(rows, cols);
  return stride == 2 ? PickRows<BR, 2>(rows, cols) : nullptr;
}

ConvKernel PickConv(int block_rows, int64_t stride, int64_t rows, int64_t cols) {
  switch (block_rows) {
    case 1:
      return PickStride<1>(stride, rows, cols);
    case 2:
      return PickStride<2>(stride, rows, cols);
    case 4:
      return PickStride<4>(stride, rows, cols);
    case 8:
      return PickStride<8>(stride, rows, cols);
  }
  return nullptr;
}
