// y = W x + b for one input vector.

SP_INLINE void StoreRow(const GemvTask& t, uint32_t row, float sum) {
  const uint32_t feature = row >> 2;
  sum += row & kFirstPart ? t.packed.bias[feature] : t.output[feature];
  if (row & kLastPart) sum = Activated(t.activation, sum);
  t.output[feature] = sum;
}

// Four chains hide the latency of dependent additions.
void Gemv(const GemvTask& t) {
  const uint16_t* at = t.packed.offsets;
  const float* w = t.packed.weights;
  for (int64_t g = 0; g < t.packed.groups; ++g) {
    float sums[4] = {0, 0, 0, 0};
    int32_t left = t.packed.counts[g];
    for (; left >= 4; left -= 4, at += 4, w += 4)
      SP_UNROLL for (int i = 0; i < 4; ++i) sums[i] += w[i] * t.input[at[i]];
    for (; left > 0; --left, ++at, ++w) sums[0] += *w * t.input[*at];
    StoreRow(t, t.packed.rows[g], (sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
}

// One lane per row: for dense rows, and rows pruned in blocks of `lanes`.
void GemvPanel(const GemvTask& t) {
  using Unaligned = float __attribute__((vector_size(4 * SP_LANES), aligned(4), may_alias));
  const uint16_t* at = t.packed.offsets;
  const float* w = t.packed.weights;
  for (int64_t g = 0; g < t.packed.groups; ++g) {
    Vec sums[4] = {};
    const auto add = [&](int chain, int tap) __attribute__((always_inline)) {
      const Vec weights = *reinterpret_cast<const Unaligned*>(w + tap * kLanes);
      sums[chain] += weights * Splat(t.input[at[tap]]);
    };
    int32_t left = t.packed.counts[g];
    for (; left >= 4; left -= 4, at += 4, w += 4 * kLanes)
      SP_UNROLL for (int i = 0; i < 4; ++i) add(i, i);
    for (; left > 0; --left, ++at, w += kLanes) add(0, 0);
    const Vec sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    const uint32_t* rows = t.packed.rows + g * kLanes;
    for (int lane = 0; lane < kLanes; ++lane)
      if ((rows[lane] >> 2) < static_cast<uint64_t>(t.out_features))
        StoreRow(t, rows[lane], sum[lane]);
  }
}
