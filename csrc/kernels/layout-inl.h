// Moving vectors between layouts.

// Lanes of `x` in the order `from` where `keep` is set, `v` elsewhere.
#if SP_LANES == 16
struct LaneMask {
  __mmask16 lanes;
  explicit SP_INLINE LaneMask(IntVec keep)
      : lanes(_mm512_movepi32_mask(reinterpret_cast<__m512i>(keep))) {}
  SP_INLINE Vec Take(Vec v, Vec x, IntVec from) const {
    return _mm512_mask_permutexvar_ps(v, lanes, reinterpret_cast<__m512i>(from), x);
  }
};
#else
struct LaneMask {
  IntVec lanes;
  explicit SP_INLINE LaneMask(IntVec keep) : lanes(keep) {}
  SP_INLINE Vec Take(Vec v, Vec x, IntVec from) const { return lanes ? Permute(x, from) : v; }
};
#endif

// One vector of each of B channels: the order of a part is loaded once for all of them.
template <int B>
SP_INLINE void MergeOne(const MergeTask& t, int64_t v, int64_t channel) {
  const float* in = t.input + channel * t.input_channel_floats;
  float* out = t.output + channel * t.output_channel_floats + t.to[v];
  Vec made[B];
  SP_UNROLL for (int b = 0; b < B; ++b) made[b] = Splat(t.fill);
  for (int32_t p = t.first[v]; p < t.first[v + 1]; ++p) {
    const MergePart part = t.parts[p];
    const int32_t* order = t.orders + part.order * 2 * kLanes;
    const IntVec from = Load(order);
    const LaneMask kept(Load(order + kLanes));
    SP_UNROLL for (int b = 0; b < B; ++b) made[b] =
        kept.Take(made[b], Load(in + b * t.input_channel_floats + part.from), from);
  }
  SP_UNROLL for (int b = 0; b < B; ++b) Store(out + b * t.output_channel_floats, made[b]);
}

// Eight chains hide the latency of a permutation (measured: a quarter faster than four).
void Merge(const MergeTask& t) {
  constexpr int kBlock = 8;
  int64_t c = 0;
  for (; c + kBlock <= t.channels; c += kBlock)
    for (int64_t v = 0; v < t.count; ++v) MergeOne<kBlock>(t, v, c);
  for (; c < t.channels; ++c)
    for (int64_t v = 0; v < t.count; ++v) MergeOne<1>(t, v, c);
}

// One vector of each of `channels` channels.
SP_INLINE void ShuffleOne(const ShuffleTask& t, int64_t v, int64_t first, int64_t channels) {
  const int64_t in_bytes = t.input_channel_stride * kVectorBytes;
  const int64_t out_bytes = t.output_channel_stride * kVectorBytes;
  const char* in = t.input + first * in_bytes + t.from[v] * kVectorBytes;
  char* out = t.output + first * out_bytes + t.to[v] * kVectorBytes;
  if (t.permutation[v] < 0) {
    const Vec fill = Splat(t.fill);
    for (int64_t c = 0; c < channels; ++c) At(out + c * out_bytes, 0) = fill;
    return;
  }
  const int32_t* order = t.permutations + t.permutation[v] * 2 * kLanes;
  const IntVec from = Load(order), keep = Load(order + kLanes);
  for (int64_t c = 0; c < channels; ++c)
    At(out + c * out_bytes, 0) = And(Permute(At(in + c * in_bytes, 0), from), keep);
}

// The order of a vector is loaded once for a few channels, few enough to stay in L1.
void Shuffle(const ShuffleTask& t) {
  constexpr int64_t kBlock = 16;
  for (int64_t c = 0; c < t.channels; c += kBlock) {
    const int64_t channels = t.channels - c < kBlock ? t.channels - c : kBlock;
    for (int64_t v = 0; v < t.count; ++v) ShuffleOne(t, v, c, channels);
  }
}
