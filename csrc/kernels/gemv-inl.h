// y = W x + b for a few vectors x, which share the stream of weights. Lanes are rows of W, or
// blocks of rows: each lane adds up its own row, so no sum crosses lanes.

// As for convolutions: an FMA takes 4 cycles, so few accumulators need several chains.
constexpr int GemvChains(int sums) { return sums <= 2 ? 4 : sums <= 6 ? 2 : 1; }

template <int H, int T, int C>
SP_INLINE void BeginRows(const GemvTask& t, int64_t slice, Vec (&sums)[T][H][C]) {
  SP_UNROLL for (int r = 0; r < H; ++r) {
    const Vec bias = Load(t.packed.bias + (slice * H + r) * kLanes);
    SP_UNROLL for (int v = 0; v < T; ++v) {
      SP_UNROLL for (int c = 1; c < C; ++c) sums[v][r][c] = Vec{};
      sums[v][r][0] = bias;
    }
  }
}

template <int H, int T, int C>
SP_INLINE void EndRows(const GemvTask& t, int64_t slice, Vec (&sums)[T][H][C]) {
  const int32_t* rows = t.packed.rows + slice * H * kLanes;
  SP_UNROLL for (int v = 0; v < T; ++v) SP_UNROLL for (int r = 0; r < H; ++r) {
    SP_UNROLL for (int c = 1; c < C; ++c) sums[v][r][0] += sums[v][r][c];
    Activate(t.activation, t.line, &sums[v][r][0], 1);
    const int32_t* row = rows + r * kLanes;
    for (int lane = 0; lane < kLanes; ++lane)
      if (row[lane] < t.out_features) t.outputs[v][row[lane]] = sums[v][r][0][lane];
  }
}

// Blocks of H rows pruned alike: each lane picks its own inputs from a window they all share.
template <int H, int T>
__attribute__((noinline)) void GemvWindows(const GemvTask& t) {
  constexpr int C = GemvChains(H * T);
  const int32_t* first = t.packed.first;
  const uint8_t* index = t.packed.index;
  const uint16_t* kept = t.packed.kept;
  const float* weight = t.packed.weights;
  for (int64_t slice = 0; slice < t.packed.slices; ++slice) {
    Vec sums[T][H][C];
    BeginRows<H, T, C>(t, slice, sums);
    for (int32_t step = t.packed.steps[slice]; step > 0; --step, ++first) {
      IntVec at[kWindowSlots];
      SP_UNROLL for (int s = 0; s < kWindowSlots; ++s) at[s] = LoadIndex(index + s * kLanes);
      SP_UNROLL for (int v = 0; v < T; ++v) {
        const InputWindow window = LoadWindow(t.inputs[v] + *first);
        SP_UNROLL for (int s = 0; s < kWindowSlots; ++s) {
          const Vec x = LookUp(window, at[s]);
          SP_UNROLL for (int r = 0; r < H; ++r) sums[v][r][s % C] =
              AddKept(sums[v][r][s % C], Load(weight + (s * H + r) * kLanes), x, kept[s * H + r]);
        }
      }
      index += kWindowSlots * kLanes;
      kept += kWindowSlots * H;
      weight += kWindowSlots * H * kLanes;
    }
    EndRows<H, T, C>(t, slice, sums);
  }
}

// A window is loaded whole, so vectors shorter than one move into the room of one.
template <int H, int T>
void GemvFewInputs(const GemvTask& t) {
  float room[T][kWindow] = {};
  const float* inputs[T];
  for (int v = 0; v < T; ++v) {
    __builtin_memcpy(room[v], t.inputs[v], static_cast<size_t>(t.in_features) * sizeof(float));
    inputs[v] = room[v];
  }
  GemvTask padded = t;
  padded.inputs = inputs;
  GemvWindows<H, T>(padded);
}

template <int H, int T>
void Gemv(const GemvTask& t) {
  if (t.in_features < kWindow)
    GemvFewInputs<H, T>(t);
  else
    GemvWindows<H, T>(t);
}

// Dense rows, or rows pruned in blocks of H vectors of them: a column of weights times one input.
template <int H, int T>
__attribute__((noinline)) void GemvPanels(const GemvTask& t) {
  constexpr int C = GemvChains(H * T);
  const int32_t* column = t.packed.first;
  const uint16_t* kept = t.packed.kept;
  const float* weight = t.packed.weights;
  for (int64_t slice = 0; slice < t.packed.slices; ++slice) {
    Vec sums[T][H][C];
    BeginRows<H, T, C>(t, slice, sums);
    const auto add = [&](int chain, int i) __attribute__((always_inline)) {
      SP_UNROLL for (int v = 0; v < T; ++v) {
        const Vec x = Splat(t.inputs[v][column[i]]);
        SP_UNROLL for (int r = 0; r < H; ++r) sums[v][r][chain] =
            AddKept(sums[v][r][chain], Load(weight + (i * H + r) * kLanes), x, kept[i * H + r]);
      }
    };
    int32_t left = t.packed.steps[slice];
    for (; left >= C; left -= C, column += C, kept += C * H, weight += C * H * kLanes)
      SP_UNROLL for (int i = 0; i < C; ++i) add(i, i);
    for (; left > 0; --left, ++column, kept += H, weight += H * kLanes) add(0, 0);
    EndRows<H, T, C>(t, slice, sums);
  }
}

// Rows of few weights, which would leave most lanes empty.
template <int T>
void GemvRows(const GemvTask& t) {
  constexpr int C = GemvChains(T);
  const int32_t* column = t.packed.first;
  const float* weight = t.packed.weights;
  for (int64_t slice = 0; slice < t.packed.slices; ++slice) {
    float sums[T][C] = {};
    int32_t left = t.packed.steps[slice];
    for (; left >= C; left -= C, column += C, weight += C) {
      // A step the compiler cannot see through: else it makes vectors of several turns and fills
      // them lane by lane, at half the speed.
      __asm__("" : "+r"(column));
      SP_UNROLL for (int v = 0; v < T; ++v) SP_UNROLL for (int c = 0; c < C; ++c) sums[v][c] +=
          weight[c] * t.inputs[v][column[c]];
    }
    for (; left > 0; --left, ++column, ++weight)
      SP_UNROLL for (int v = 0; v < T; ++v) sums[v][0] += *weight * t.inputs[v][*column];
    SP_UNROLL for (int v = 0; v < T; ++v) {
      float sum = t.packed.bias[slice];
      SP_UNROLL for (int c = 0; c < C; ++c) sum += sums[v][c];
      t.outputs[v][t.packed.rows[slice]] = Activated(t.activation, t.line, sum);
    }
  }
}

// Besides the sums, a panel holds its weights and one input in registers. More than eight vectors
// would not leave a general register for the address of each.
constexpr int kPanelVectors = SP_LANES == 16 ? 8 : 6;
constexpr int kWindowVectors = 4, kRowVectors = 4;

template <int T>
GemvKernel PickScalarRows(int vectors) {
  if constexpr (T == 0)
    return nullptr;
  else
    return vectors == T ? &GemvRows<T> : PickScalarRows<T - 1>(vectors);
}

template <int H, int T>
GemvKernel PickPanels(int vectors) {
  if constexpr (T == 0)
    return nullptr;
  else
    return vectors == T ? &GemvPanels<H, T> : PickPanels<H, T - 1>(vectors);
}

template <int H, int T>
GemvKernel PickWindows(int vectors) {
  if constexpr (T == 0)
    return nullptr;
  else
    return vectors == T ? &Gemv<H, T> : PickWindows<H, T - 1>(vectors);
}

template <int H>
GemvKernel PickHeight(SliceKind kind, int vectors) {
  if (kind == SliceKind::kWindows) return PickWindows<H, kWindowVectors>(vectors);
  if constexpr (H > 2)
    return nullptr;
  else
    return PickPanels<H, kPanelVectors>(vectors);
}

GemvKernel PickGemv(SliceFormat format, int vectors) {
  if (format.kind == SliceKind::kRows) return PickScalarRows<kRowVectors>(vectors);
  switch (format.height) {
    case 1:
      return PickHeight<1>(format.kind, vectors);
    case 2:
      return PickHeight<2>(format.kind, vectors);
    case 4:
      return PickHeight<4>(format.kind, vectors);
  }
  return nullptr;
}
