// The activations of activation.h, on vectors. All keep a NaN.

// In this order a NaN stays a NaN.
SP_INLINE Vec Relu(Vec x) { return x < Vec{} ? Vec{} : x; }

SP_INLINE Vec Relu6(Vec x) {
  const Vec six = Splat(6.0f);
  x = Relu(x);
  return x > six ? six : x;
}

// Minus infinity becomes a NaN, as infinity times zero is.
SP_INLINE Vec HardSwish(Vec x) {
  const Vec one = Splat(1.0f);
  const Vec gate = Relu(x * Splat(1.0f / 6.0f) + Splat(0.5f));
  return x * (gate > one ? one : gate);
}

// By e^-|x|, which cannot overflow. The relative error is at most 3 * 2^-24, tried on every float32
// with and without fused multiply-adds; a denormal result is off by up to 2^-150 more.
SP_INLINE Vec Sigmoid(Vec x) {
  const Vec one = Splat(1.0f);
  const Vec e = ExpOfNonPositive(x < Vec{} ? x : -x);
  return (x < Vec{} ? e : one) / (one + e);
}

template <Activation A>
SP_INLINE Vec Apply(Vec x) {
  if constexpr (A == Activation::kRelu) return Relu(x);
  if constexpr (A == Activation::kRelu6) return Relu6(x);
  if constexpr (A == Activation::kHardSwish) return HardSwish(x);
  if constexpr (A == Activation::kSigmoid) return Sigmoid(x);
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
__attribute__((noinline)) void ActivateInMemory(Activation activation, Vec* values, int count) {
  for (int i = 0; i < count; ++i) {
    if (activation == Activation::kHardSwish)
      values[i] = HardSwish(values[i]);
    else if (activation == Activation::kSigmoid)
      values[i] = Sigmoid(values[i]);
    else
      Clamp(activation, values + i, 1);
  }
}

// Any activation of `count` vectors.
SP_INLINE void Activate(Activation activation, Vec* values, int count) {
  if (IsClamp(activation))
    Clamp(activation, values, count);
  else
    ActivateInMemory(activation, values, count);
}

SP_INLINE float Activated(Activation activation, float value) {
  Vec v = Splat(value);
  Activate(activation, &v, 1);
  return v[0];
}
