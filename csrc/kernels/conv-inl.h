// The sparse convolution: each output channel sums weight * input vector over its kept taps.
//
// Lanes own spatial tiles, so a tap is an aligned vector at a fixed offset from the output's own
// position, whatever the kernel, stride and dilation. A tile of RY x RX output vectors stays in
// registers while the taps of one row group stream by.

// Accumulator chains: an FMA takes 4 cycles and two start per cycle, so fewer than eight
// accumulators need more than one chain each to keep the units busy.
template <int BR, int RY, int RX>
constexpr int kChains = BR * RY * RX <= 2   ? 4
                        : BR * RY * RX <= 6 ? 2
                                            : 1;

// Far enough for L3 (50 ns), near enough that L1 still has them.
constexpr int kGroupsAhead = 2;

template <int BR, int RY, int RX>
using Sums = Vec[kChains<BR, RY, RX>][BR][RY][RX];

// S is the column stride where it is known, 0 where the tile says it.
template <int S>
SP_INLINE const Vec& Column(const ConvTile& t, const char* row, int64_t x) {
  return At(row, x * (S > 0 ? S : t.input_col_vectors));
}

// One tap of one row.
template <int RY, int RX, int S>
SP_INLINE void AddTap(const ConvTile& t, Vec (&sums)[RY][RX], const char* input, Vec w) {
  SP_UNROLL for (int y = 0; y < RY; ++y, input += t.input_row_bytes)
      SP_UNROLL for (int x = 0; x < RX; ++x) sums[y][x] += w * Column<S>(t, input, x);
}

// One tap of a block: `weights` has one value for each of its rows, which share the loaded inputs.
template <int RY, int RX, int S, int BR>
SP_INLINE void AddTap(const ConvTile& t, Vec (&sums)[BR][RY][RX], const char* input,
                      const float* weights) {
  Vec in[RY][RX];
  SP_UNROLL for (int y = 0; y < RY; ++y, input += t.input_row_bytes)
      SP_UNROLL for (int x = 0; x < RX; ++x) in[y][x] = Column<S>(t, input, x);
  SP_UNROLL for (int r = 0; r < BR; ++r) {
    const Vec w = Splat(weights[r]);
    SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x) sums[r][y][x] +=
        w * in[y][x];
  }
}

// Four weights by one load, to be shuffled apart. Where one 512-bit load starts a cycle (Zen 4)
// loads are the limit of single rows, and four broadcasts from memory cost three more: from L1,
// tiles of two vectors gain 17 %, of four 5 %, of eight 2 %.
SP_INLINE Vec FourWeights(const float* weights) {
#if SP_LANES == 16
  return _mm512_maskz_broadcast_f32x4(0xffff, _mm_loadu_ps(weights));
#elif SP_LANES == 8
  return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(weights));
#else
  Vec four;
  __builtin_memcpy(&four, weights, sizeof four);
  return four;
#endif
}
template <int I>
SP_INLINE Vec Weight(Vec four) {
#if SP_LANES == 16
  return _mm512_maskz_permute_ps(0xffff, four, 0x55 * I);
#elif SP_LANES == 8
  return _mm256_permute_ps(four, 0x55 * I);
#else
  return Splat(four[I]);
#endif
}

// Four taps, each into a chain of its own as far as there are chains.
template <int RY, int RX, int S, int BR, int C>
SP_INLINE void AddFour(const ConvTile& t, Vec (&sums)[C][BR][RY][RX], const char* const (&in)[4],
                       const float* weights) {
  if constexpr (BR == 1) {
    const Vec four = FourWeights(weights);
    AddTap<RY, RX, S>(t, sums[0][0], in[0], Weight<0>(four));
    AddTap<RY, RX, S>(t, sums[1 % C][0], in[1], Weight<1>(four));
    AddTap<RY, RX, S>(t, sums[2 % C][0], in[2], Weight<2>(four));
    AddTap<RY, RX, S>(t, sums[3 % C][0], in[3], Weight<3>(four));
  } else {
    SP_UNROLL for (int i = 0; i < 4; ++i)
        AddTap<RY, RX, S>(t, sums[i % C], in[i], weights + i * BR);
  }
}

// Outputs and residuals of rows to come. Rows do not follow each other in memory, so no hardware
// prefetcher finds them; where they lie in L3 this gains 5 to 20 % (engine/tiles.cpp says when).
template <int BR, int RY, int RX>
SP_INLINE void Prefetch(const ConvTile& t, const uint32_t* rows) {
  SP_UNROLL for (int r = 0; r < BR; ++r) {
    const uint32_t channel = rows[r] >> 2;
    const char* to = t.output + channel * t.output_channel_bytes;
    SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
        __builtin_prefetch(to + y * t.output_row_bytes + x * kVectorBytes, 1);
    if (t.residual == nullptr || !(rows[r] & kFirstPart) || t.residual == t.output) continue;
    const char* residual = t.residual + channel * t.residual_channel_bytes;
    SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
        __builtin_prefetch(residual + y * t.residual_row_bytes + x * kVectorBytes, 0);
  }
}

// The residual comes first, so that it may lie where the output goes.
template <int RY, int RX>
SP_INLINE void Start(const ConvTile& t, uint32_t channel, Vec (&sum)[RY][RX]) {
  const Vec bias = Splat(t.packed.bias[channel]);
  if (t.residual == nullptr) {
    SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x) sum[y][x] = bias;
    return;
  }
  const char* residual = t.residual + channel * t.residual_channel_bytes;
  SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x) sum[y][x] =
      bias + At(residual + y * t.residual_row_bytes, x);
}

template <int BR, int RY, int RX, int C>
SP_INLINE void Begin(const ConvTile& t, const uint32_t* rows, Vec (&sums)[C][BR][RY][RX]) {
  SP_UNROLL for (int c = 1; c < C; ++c) SP_UNROLL for (int r = 0; r < BR; ++r)
      SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
          sums[c][r][y][x] = Vec{};
  SP_UNROLL for (int r = 0; r < BR; ++r) {
    const uint32_t channel = rows[r] >> 2;
    if (rows[r] & kFirstPart) {
      Start<RY, RX>(t, channel, sums[0][r]);
    } else {
      const char* from = t.output + channel * t.output_channel_bytes;
      SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
          sums[0][r][y][x] = At(from + y * t.output_row_bytes, x);
    }
  }
}

template <int RY, int RX>
SP_INLINE void Finish(const ConvTile& t, Vec (&sum)[RY][RX]) {
  Clamp(t.activation, &sum[0][0], RY * RX);
  if (t.mask != nullptr) {
    SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x) sum[y][x] =
        Masked(sum[y][x], t.mask + y * t.mask_row_bytes + x * kVectorBytes);
  }
}

template <int BR, int RY, int RX, int C>
SP_INLINE void End(const ConvTile& t, const uint32_t* rows, Vec (&sums)[C][BR][RY][RX]) {
  SP_UNROLL for (int c = 1; c < C; ++c) SP_UNROLL for (int r = 0; r < BR; ++r)
      SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
          sums[0][r][y][x] += sums[c][r][y][x];
  SP_UNROLL for (int r = 0; r < BR; ++r) {
    const uint32_t channel = rows[r] >> 2;
    if (rows[r] & kLastPart) Finish<RY, RX>(t, sums[0][r]);
    char* to = t.output + channel * t.output_channel_bytes;
    SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
        At(to + y * t.output_row_bytes, x) = sums[0][r][y][x];
  }
}

// Offsets are read four at a time: one 8-byte load and shifts cost less than four 2-byte loads
// (measured 18 % in L1, 6-10 % in L2).
template <int BR, int RY, int RX, int S>
__attribute__((noinline)) void Conv(const ConvTile& t) {
  const uint16_t* offset = t.packed.offsets;
  const float* weight = t.packed.weights;
  const uint32_t* rows = t.packed.rows;
  const char* input = t.input;
  const auto at = [input](uint64_t word) __attribute__((always_inline)) {
    return input + static_cast<uint64_t>(static_cast<uint16_t>(word)) * kVectorBytes;
  };
  const int64_t groups = t.packed.groups, prefetched = t.prefetch ? groups - kGroupsAhead : 0;
  for (int64_t g = 0; g < groups; ++g, rows += BR) {
    Sums<BR, RY, RX> sums;
    Begin<BR, RY, RX>(t, rows, sums);
    if (g < prefetched) Prefetch<BR, RY, RX>(t, rows + kGroupsAhead * BR);
    int32_t left = t.packed.counts[g];
    for (; left >= 4; left -= 4, offset += 4, weight += 4 * BR) {
      uint64_t four;
      __builtin_memcpy(&four, offset, 8);
      AddFour<RY, RX, S>(t, sums, {at(four), at(four >> 16), at(four >> 32), at(four >> 48)},
                         weight);
    }
    for (; left > 0; --left, ++offset, weight += BR) {
      if constexpr (BR == 1)
        AddTap<RY, RX, S>(t, sums[0][0], at(*offset), Splat(*weight));
      else
        AddTap<RY, RX, S>(t, sums[0], at(*offset), weight);
    }
    End<BR, RY, RX>(t, rows, sums);
  }
}
