// Moving values between layouts.

void GatherAll(const GatherTask& t) {
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* from = t.input + c * t.input_channel_floats;
    char* to = t.output + c * t.output_channel_stride * kVectorBytes;
    for (int64_t v = 0; v < t.count; ++v) {
      IntVec index;
      __builtin_memcpy(&index, t.index + v * kLanes, sizeof index);
      At(to, t.to[v]) = Gather(from, index, Splat(t.fill));
    }
  }
}

void GatherLanes(const GatherLanesTask& task) {
  const GatherTask& t = task.gather;
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* from = t.input + c * t.input_channel_floats;
    char* to = t.output + c * t.output_channel_stride * kVectorBytes;
    for (int64_t v = 0; v < t.count; ++v) {
      IntVec base;
      __builtin_memcpy(&base, task.lane_bases + task.group[v] * kLanes, sizeof base);
      At(to, t.to[v]) = t.index[v] < 0 ? Splat(t.fill) : Gather(from + t.index[v], base, Vec{});
    }
  }
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
  IntVec from, keep;
  __builtin_memcpy(&from, order, sizeof from);
  __builtin_memcpy(&keep, order + kLanes, sizeof keep);
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
