// The activations of activation.h, on vectors.

// In this order a NaN stays a NaN.
SP_INLINE Vec Relu(Vec x) { return x < Vec{} ? Vec{} : x; }

// One choice for `count` vectors.
SP_INLINE void Activate(Activation activation, Vec* values, int count) {
  if (activation == Activation::kNone) return;
  SP_UNROLL for (int i = 0; i < count; ++i) values[i] = Relu(values[i]);
}

SP_INLINE float Activated(Activation activation, float value) {
  Vec v = Splat(value);
  Activate(activation, &v, 1);
  return v[0];
}
