// e^x over its sum. The largest x is taken off first, so that nothing overflows.

// Greater of both, or a NaN if either is.
SP_INLINE Vec GreaterOrNan(Vec a, Vec b) { return ((b > a) | (b != b)) ? b : a; }

// Images in lanes: for one row, every channel is a vector.
SP_INLINE void SoftmaxRow(const SoftmaxTask& t, int64_t row) {
  Vec most = At(t.input, row);
  for (int64_t c = 1; c < t.channels; ++c)
    most = GreaterOrNan(most, At(t.input, c * t.input_channel_stride + row));
  Vec sum = {};
  for (int64_t c = 0; c < t.channels; ++c) {
    const Vec e = ExpOfNonPositive(At(t.input, c * t.input_channel_stride + row) - most);
    At(t.output, c * t.output_channel_stride + row) = e;
    sum += e;
  }
  for (int64_t c = 0; c < t.channels; ++c) {
    Vec& value = At(t.output, c * t.output_channel_stride + row);
    value = value / sum;
  }
}

void Softmax(const SoftmaxTask& t) {
  for (int64_t row = 0; row < t.rows; ++row) SoftmaxRow(t, row);
}

// Up to a vector of floats; lanes past the last are minus infinity, which adds nothing.
SP_INLINE Vec LoadSome(const float* from, int64_t count) {
  Vec v = Splat(-__builtin_inff());
  __builtin_memcpy(&v, from, static_cast<size_t>(count < kLanes ? count : kLanes) * sizeof(float));
  return v;
}
SP_INLINE void StoreSome(float* to, Vec v, int64_t count) {
  __builtin_memcpy(to, &v, static_cast<size_t>(count < kLanes ? count : kLanes) * sizeof(float));
}

SP_INLINE float GreatestLane(Vec v) {
  Vec most = Splat(v[0]);
  for (int lane = 1; lane < kLanes; ++lane) most = GreaterOrNan(most, Splat(v[lane]));
  return most[0];
}

void SoftmaxFlat(const float* input, int64_t count, float* output) {
  Vec most = LoadSome(input, count);
  for (int64_t i = kLanes; i < count; i += kLanes)
    most = GreaterOrNan(most, LoadSome(input + i, count - i));
  most = Splat(GreatestLane(most));
  Vec sums = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vec e = ExpOfNonPositive(LoadSome(input + i, count - i) - most);
    StoreSome(output + i, e, count - i);
    sums += e;
  }
  const Vec sum = Splat(SumLanes(sums));
  for (int64_t i = 0; i < count; i += kLanes)
    StoreSome(output + i, LoadSome(output + i, count - i) / sum, count - i);
}
