// e^x over its sum. The largest x is taken off first, so that nothing overflows.

// Images in lanes: for one row, every channel is a vector.
SP_INLINE void SoftmaxRow(const SoftmaxTask& t, int64_t row) {
  Vec most = At(t.input, row);
  for (int64_t c = 1; c < t.channels; ++c)
    most = MaxOrNan(most, At(t.input, c * t.input_channel_stride + row));
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

// Of the `left` floats from here on, up to a vector; lanes past the last are minus infinity, which
// adds nothing.
SP_INLINE Vec LoadFeatures(const float* from, int64_t left) {
  return LoadSome(from, left < kLanes ? left : kLanes, Splat(-__builtin_inff()));
}
SP_INLINE void StoreFeatures(float* to, Vec v, int64_t left) {
  StoreSome(to, v, left < kLanes ? left : kLanes);
}

SP_INLINE float GreatestLane(Vec v) {
  Vec most = Splat(v[0]);
  for (int lane = 1; lane < kLanes; ++lane) most = MaxOrNan(most, Splat(v[lane]));
  return most[0];
}

void SoftmaxFlat(const float* input, int64_t count, float* output) {
  Vec most = LoadFeatures(input, count);
  for (int64_t i = kLanes; i < count; i += kLanes)
    most = MaxOrNan(most, LoadFeatures(input + i, count - i));
  most = Splat(GreatestLane(most));
  Vec sums = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vec e = ExpOfNonPositive(LoadFeatures(input + i, count - i) - most);
    StoreFeatures(output + i, e, count - i);
    sums += e;
  }
  const Vec sum = Splat(SumLanes(sums));
  for (int64_t i = 0; i < count; i += kLanes)
    StoreFeatures(output + i, LoadFeatures(output + i, count - i) / sum, count - i);
}
