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

template <int BR, int RY, int RX>
using Sums = Vec[kChains<BR, RY, RX>][BR][RY][RX];

// One tap: `weights` has one value for each of the BR rows, which share the loaded inputs.
template <int BR, int RY, int RX, int S, int C>
SP_INLINE void AddTap(Vec (&sums)[C][BR][RY][RX], int chain, const char* input, int64_t row_bytes,
                      const float* weights) {
  if constexpr (BR == 1) {
    const Vec w = Splat(weights[0]);
    SP_UNROLL for (int y = 0; y < RY; ++y, input += row_bytes)
        SP_UNROLL for (int x = 0; x < RX; ++x) sums[chain][0][y][x] += w * At(input, x * S);
  } else {
    Vec in[RY][RX];
    SP_UNROLL for (int y = 0; y < RY; ++y, input += row_bytes)
        SP_UNROLL for (int x = 0; x < RX; ++x) in[y][x] = At(input, x * S);
    SP_UNROLL for (int r = 0; r < BR; ++r) {
      const Vec w = Splat(weights[r]);
      SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
          sums[chain][r][y][x] += w * in[y][x];
    }
  }
}

template <int BR, int RY, int RX, int C>
SP_INLINE void Begin(const ConvTile& t, const uint32_t* rows, Vec (&sums)[C][BR][RY][RX]) {
  SP_UNROLL for (int c = 1; c < C; ++c) SP_UNROLL for (int r = 0; r < BR; ++r)
      SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
          sums[c][r][y][x] = Vec{};
  SP_UNROLL for (int r = 0; r < BR; ++r) {
    const uint32_t channel = rows[r] >> 2;
    if (rows[r] & kFirstPart) {
      const Vec bias = Splat(t.packed.bias[channel]);
      SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
          sums[0][r][y][x] = bias;
    } else {
      const char* from = t.output + channel * t.output_channel_bytes;
      SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
          sums[0][r][y][x] = At(from + y * t.output_row_bytes, x);
    }
  }
}

template <int RY, int RX>
SP_INLINE void Finish(const ConvTile& t, uint32_t channel, Vec (&sum)[RY][RX]) {
  if (t.residual != nullptr) {
    const char* residual = t.residual + channel * t.residual_channel_bytes;
    SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x) sum[y][x] +=
        At(residual + y * t.residual_row_bytes, x);
  }
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
    if (rows[r] & kLastPart) Finish<RY, RX>(t, channel, sums[0][r]);
    char* to = t.output + channel * t.output_channel_bytes;
    SP_UNROLL for (int y = 0; y < RY; ++y) SP_UNROLL for (int x = 0; x < RX; ++x)
        At(to + y * t.output_row_bytes, x) = sums[0][r][y][x];
  }
}

// Offsets are read four at a time: one 8-byte load and shifts cost less than four 2-byte loads
// (measured 18 % in L1, 6-10 % in L2).
template <int BR, int RY, int RX, int S>
__attribute__((noinline)) void Conv(const ConvTile& t) {
  constexpr int C = kChains<BR, RY, RX>;
  const uint16_t* offset = t.packed.offsets;
  const float* weight = t.packed.weights;
  const uint32_t* rows = t.packed.rows;
  const char* input = t.input;
  const int64_t pitch = t.input_row_bytes;
  const auto at = [input](uint64_t word) __attribute__((always_inline)) {
    return input + static_cast<uint64_t>(static_cast<uint16_t>(word)) * kVectorBytes;
  };
  for (int64_t g = 0; g < t.packed.groups; ++g, rows += BR) {
    Sums<BR, RY, RX> sums;
    Begin<BR, RY, RX>(t, rows, sums);
    int32_t left = t.packed.counts[g];
    for (; left >= 4; left -= 4, offset += 4, weight += 4 * BR) {
      uint64_t four;
      __builtin_memcpy(&four, offset, 8);
      AddTap<BR, RY, RX, S>(sums, 0, at(four), pitch, weight);
      AddTap<BR, RY, RX, S>(sums, 1 % C, at(four >> 16), pitch, weight + BR);
      AddTap<BR, RY, RX, S>(sums, 2 % C, at(four >> 32), pitch, weight + 2 * BR);
      AddTap<BR, RY, RX, S>(sums, 3 % C, at(four >> 48), pitch, weight + 3 * BR);
    }
    for (; left > 0; --left, ++offset, weight += BR)
      AddTap<BR, RY, RX, S>(sums, 0, at(*offset), pitch, weight);
    End<BR, RY, RX>(t, rows, sums);
  }
}
