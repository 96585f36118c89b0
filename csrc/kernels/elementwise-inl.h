// Value by value: sums, products, scales and activations.

SP_INLINE Vec ScaleAndShift(Vec v, const float* scale, const float* shift, int64_t channel) {
  return scale != nullptr ? v * Splat(scale[channel]) + Splat(shift[channel]) : v;
}

// What all values of channel `c` are multiplied by.
SP_INLINE Vec Factor(const ElementwiseTask& t, int64_t c) {
  if (t.join == Join::kVectors) return At(t.b.data, c * t.b.channel_stride);
  if (t.join == Join::kFloats) return Splat(reinterpret_cast<const float*>(t.b.data)[c]);
  return Vec{};
}

template <Activation A>
SP_INLINE void ElementwiseRow(const ElementwiseTask& t, int64_t c, int64_t y) {
  const int64_t from_a = c * t.a.channel_stride + y * t.a.row_stride;
  const int64_t from_b = c * t.b.channel_stride + y * t.b.row_stride;
  const Vec factor = Factor(t, c);
  const int64_t to = c * t.output.channel_stride + y * t.output.row_stride;
  for (int64_t x = 0; x < t.region.cols; ++x) {
    Vec v = At(t.a.data, from_a + x);
    if (t.join == Join::kSum) v += At(t.b.data, from_b + x);
    if (t.join == Join::kProduct) v *= At(t.b.data, from_b + x);
    if (t.join >= Join::kVectors) v *= factor;
    v = Apply<A>(ScaleAndShift(v, t.scale, t.shift, c), t.line);
    if (t.mask != nullptr) v = Masked(v, t.mask + (y * t.mask_row_stride + x) * kVectorBytes);
    At(t.output.data, to + x) = v;
  }
}

template <Activation A>
void ElementwiseWith(const ElementwiseTask& t) {
  for (int64_t c = 0; c < t.region.channels; ++c)
    for (int64_t y = 0; y < t.region.rows; ++y) ElementwiseRow<A>(t, c, y);
}

void Elementwise(const ElementwiseTask& t) {
  switch (t.activation) {
    case Activation::kNone:
      return ElementwiseWith<Activation::kNone>(t);
    case Activation::kRelu:
      return ElementwiseWith<Activation::kRelu>(t);
    case Activation::kRelu6:
      return ElementwiseWith<Activation::kRelu6>(t);
    case Activation::kHardSwish:
      return ElementwiseWith<Activation::kHardSwish>(t);
    case Activation::kSigmoid:
      return ElementwiseWith<Activation::kSigmoid>(t);
    case Activation::kHardSigmoid:
      return ElementwiseWith<Activation::kHardSigmoid>(t);
    case Activation::kSilu:
      return ElementwiseWith<Activation::kSilu>(t);
  }
}

// `count` values, at most one vector.
template <Activation A>
SP_INLINE void ElementwiseSome(const ElementwiseFlatTask& t, int64_t first, int64_t count) {
  const auto load = [&](const float* from) __attribute__((always_inline)) {
    return LoadSome(from + first, count, Vec{});
  };
  Vec v = load(t.a);
  if (t.join == Join::kSum) v += load(t.b);
  if (t.join == Join::kProduct) v *= load(t.b);
  if (t.scale != nullptr) v = v * load(t.scale) + load(t.shift);
  StoreSome(t.output + first, Apply<A>(v, t.line), count);
}

template <Activation A>
void ElementwiseFlatWith(const ElementwiseFlatTask& t) {
  int64_t i = 0;
  for (; i + kLanes <= t.count; i += kLanes) ElementwiseSome<A>(t, i, kLanes);
  if (i < t.count) ElementwiseSome<A>(t, i, t.count - i);
}

void ElementwiseFlat(const ElementwiseFlatTask& t) {
  switch (t.activation) {
    case Activation::kNone:
      return ElementwiseFlatWith<Activation::kNone>(t);
    case Activation::kRelu:
      return ElementwiseFlatWith<Activation::kRelu>(t);
    case Activation::kRelu6:
      return ElementwiseFlatWith<Activation::kRelu6>(t);
    case Activation::kHardSwish:
      return ElementwiseFlatWith<Activation::kHardSwish>(t);
    case Activation::kSigmoid:
      return ElementwiseFlatWith<Activation::kSigmoid>(t);
    case Activation::kHardSigmoid:
      return ElementwiseFlatWith<Activation::kHardSigmoid>(t);
    case Activation::kSilu:
      return ElementwiseFlatWith<Activation::kSilu>(t);
  }
}
