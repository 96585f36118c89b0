// Between plain floats and lanes: square blocks transposed in registers.

template <int... I>
struct Lanes {};
template <int N, int... I>
struct LanesBelow : LanesBelow<N - 1, N - 1, I...> {};
template <int... I>
struct LanesBelow<0, I...> {
  using Type = Lanes<I...>;
};

#if defined(__clang__)
#define SP_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SP_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, IntVec{__VA_ARGS__})
#endif

// Of every 2 x 2 blocks of W x W values, those off the diagonal change places.
template <int W, int... I>
SP_INLINE void SwapBlocks(Vec& a, Vec& b, Lanes<I...>) {
  const Vec first = SP_SHUFFLE(a, b, (I & W ? kLanes + I - W : I)...);
  b = SP_SHUFFLE(a, b, (I & W ? kLanes + I : I + W)...);
  a = first;
}

// From the largest blocks down, log2(lanes) shuffles a vector in all.
template <int W = kLanes / 2>
SP_INLINE void Transpose(Vec (&rows)[kLanes]) {
  SP_UNROLL for (int i = 0; i < kLanes; ++i) if (!(i & W))
      SwapBlocks<W>(rows[i], rows[i + W], LanesBelow<kLanes>::Type{});
  if constexpr (W > 1) Transpose<W / 2>(rows);
}

// The floats whose bit is set, which alone are read.
#if SP_LANES == 16
SP_INLINE Vec LoadPart(const float* from, uint32_t bits, Vec fill) {
  return _mm512_mask_loadu_ps(fill, static_cast<__mmask16>(bits), from);
}
#elif SP_LANES == 8
SP_INLINE Vec LoadPart(const float* from, uint32_t bits, Vec fill) {
  const IntVec bit = {1, 2, 4, 8, 16, 32, 64, 128};
  const IntVec lanes = ((static_cast<int32_t>(bits) - IntVec{}) & bit) == bit;
  const Vec part = _mm256_maskload_ps(from, reinterpret_cast<__m256i>(lanes));
  return lanes ? part : fill;
}
#else
SP_INLINE Vec LoadPart(const float* from, uint32_t bits, Vec fill) {
  SP_UNROLL for (int lane = 0; lane < kLanes; ++lane) if (bits >> lane & 1) fill[lane] = from[lane];
  return fill;
}
#endif

// The lowest lanes, as many as bits are set, which are the lowest bits. (A masked store takes some
// twenty cycles on AMD CPUs without AVX-512.)
SP_INLINE void StoreFirst(float* to, uint32_t bits, Vec v) {
#if SP_LANES == 16
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>(bits), v);
#else
  if (bits >> (kLanes - 1)) return Store(to, v);
  const int count = __builtin_ctz(bits + 1);
  float lanes[kLanes];
  __builtin_memcpy(lanes, &v, sizeof lanes);
  for (int lane = 0; lane < count; ++lane) to[lane] = lanes[lane];
#endif
}

constexpr uint32_t kEveryLane = (1u << SP_LANES) - 1;

// One square block: up to `lanes` columns of every lane's run.
struct RunBlock {
  int64_t floats, vectors;  // where the run and its vectors begin
  int64_t first, columns;   // of the block
  const uint32_t* valid;    // null: all of it is inside the map
  uint32_t lanes;           // that have this run

  SP_INLINE uint32_t Inside(int lane) const {
    const uint32_t has_run = 0u - (lanes >> lane & 1);
    return has_run & (valid == nullptr ? kEveryLane : valid[lane]);
  }
};

template <typename Move>
SP_INLINE void ForEachBlock(const LaneRuns& r, const Move& move) {
  for (int64_t c = 0; c < r.channels; ++c)
    for (int64_t y = 0; y < r.rows; ++y)
      for (int64_t k = 0; k < r.columns; k += kLanes) {
        const int32_t mask = r.masks[k / kLanes];
        const int64_t columns = r.columns - k < kLanes ? r.columns - k : kLanes;
        move(RunBlock{c * r.channel_floats + y * r.row_floats + k,
                      c * r.channel_vectors + y * r.row_vectors, k, columns,
                      mask < 0 ? nullptr : r.valid + mask * kLanes, r.row_lanes[y] & r.live});
      }
}

void Interleave(const InterleaveTask& t) {
  const Vec fill = Splat(t.fill);
  ForEachBlock(t.runs, [&](const RunBlock& block) __attribute__((always_inline)) {
    Vec rows[kLanes];
    const float* from = t.input + block.floats;
    if (block.valid == nullptr && block.lanes == kEveryLane) {
      SP_UNROLL for (int i = 0; i < kLanes; ++i) rows[i] = Load(from + t.runs.lane_floats[i]);
    } else {
      SP_UNROLL for (int i = 0; i < kLanes; ++i) rows[i] =
          LoadPart(from + t.runs.lane_floats[i], block.Inside(i), fill);
    }
    Transpose(rows);
    char* to = t.output + block.vectors * kVectorBytes;
    const int32_t* at = t.runs.to + block.first;
    SP_UNROLL for (int i = 0; i < kLanes; ++i) if (i < block.columns) At(to, at[i]) = rows[i];
  });
}

void Deinterleave(const DeinterleaveTask& t) {
  ForEachBlock(t.runs, [&](const RunBlock& block) __attribute__((always_inline)) {
    Vec rows[kLanes];
    const char* from = t.input + block.vectors * kVectorBytes;
    const int32_t* at = t.runs.to + block.first;
    SP_UNROLL for (int i = 0; i < kLanes; ++i) rows[i] =
        At(from, at[i < block.columns ? i : block.columns - 1]);
    Transpose(rows);
    float* to = t.output + block.floats;
    if (block.valid == nullptr && block.lanes == kEveryLane) {
      SP_UNROLL for (int i = 0; i < kLanes; ++i) Store(to + t.runs.lane_floats[i], rows[i]);
    } else {
      SP_UNROLL for (int i = 0; i < kLanes; ++i)
          StoreFirst(to + t.runs.lane_floats[i], block.Inside(i), rows[i]);
    }
  });
}
