// The activations of activation.h, on vectors. All keep a NaN.

// In this order a NaN stays a NaN.
SP_INLINE Vec Relu(Vec x) { return x < Vec{} ? Vec{} : x; }

SP_INLINE Vec Relu6(Vec x) {
  const Vec six = Splat(6.0f);
  x = Relu(x);
  return x > six ? six : x;
}

SP_INLINE Vec HardSigmoid(Vec x, const Line& line) {
  const Vec one = Splat(1.0f);
  const Vec gate = Relu(x * Splat(line.slope) + Splat(line.offset));
  return gate > one ? one : gate;
}

// Minus infinity becomes a NaN, as infinity times zero is; so it does in Silu.
SP_INLINE Vec HardSwish(Vec x, const Line& line) { return x * HardSigmoid(x, line); }

// By e^-|x|, which cannot overflow. The relative error is at most 3 * 2^-24, tried on every float32
// with and without fused multiply-adds; a denormal result is off by up to 2^-150 more.
SP_INLINE Vec Sigmoid(Vec x) {
  const Vec one = Splat(1.0f);
  const Vec e = ExpOfNonPositive(x < Vec{} ? x : -x);
  return (x < Vec{} ? e : one) / (one + e);
}

SP_INLINE Vec Silu(Vec x) { return x * Sigmoid(x); }

template <Activation A>
SP_INLINE Vec Apply(Vec x, const Line& line) {
  if constexpr (A == Activation::kRelu) return Relu(x);
  if constexpr (A == Activation::kRelu6) return Relu6(x);
  if constexpr (A == Activation::kHardSwish) return HardSwish(x, line);
  if constexpr (A == Activation::kSigmoid) return Sigmoid(x);
  if constexpr (A == Activation::kHardSigmoid) return HardSigmoid(x, line);
  if constexpr (A == Activation::kSilu) return Silu(x);
  return x;
}

// The clamps (IsClamp) only, cheap enough to be part of every kernel; one choice for `count`
// vectors.
SP_INLINE void Clamp(Activation activation, Vec* values, int count) {
  if (activation == Activation::kNone) return;
  SP_UNROLL for (int i = 0; i < count; ++i) values[i] = Relu(values[i]);
  if (activation != Activation::kRelu6) return;
  SP_UNROLL for (int i = 0; i < count; ++i) values[i] = Relu6(values[i]);
}

// Any activation; not inlined, because of its size.
__attribute__((noinline)) void ActivateInMemory(Activation activation, const Line& line,
                                                Vec* values, int count) {
  for (int i = 0; i < count; ++i) {
    if (activation == Activation::kHardSwish)
      values[i] = HardSwish(values[i], line);
    else if (activation == Activation::kSigmoid)
      values[i] = Sigmoid(values[i]);
    else if (activation == Activation::kHardSigmoid)
      values[i] = HardSigmoid(values[i], line);
    else if (activation == Activation::kSilu)
      values[i] = Silu(values[i]);
    else
      Clamp(activation, values + i, 1);
  }
}

// Any activation of `count` vectors.
SP_INLINE void Activate(Activation activation, const Line& line, Vec* values, int count) {
  if (IsClamp(activation))
    Clamp(activation, values, count);
  else
    ActivateInMemory(activation, line, values, count);
}

SP_INLINE float Activated(Activation activation, const Line& line, float value) {
  Vec v = Splat(value);
  Activate(activation, line, &v, 1);
  return v[0];
}
