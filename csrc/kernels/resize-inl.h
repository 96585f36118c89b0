// Blends of four neighbours, for resized maps.

void Blend(const BlendTask& t) {
  for (int64_t c = 0; c < t.channels; ++c) {
    const char* from = t.input + c * t.input_channel_bytes;
    char* to = t.output + c * t.output_channel_stride * kVectorBytes;
    for (int64_t v = 0; v < t.count; ++v) {
      Vec sum = Splat(t.weights[4 * v]) * At(from, t.from[4 * v]);
      SP_UNROLL for (int i = 1; i < 4; ++i) sum +=
          Splat(t.weights[4 * v + i]) * At(from, t.from[4 * v + i]);
      At(to, t.to[v]) = sum;
    }
  }
}

void BlendGathered(const BlendTask& t) {
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* from = reinterpret_cast<const float*>(t.input + c * t.input_channel_bytes);
    char* to = t.output + c * t.output_channel_stride * kVectorBytes;
    for (int64_t v = 0; v < t.count; ++v) {
      Vec sum = {};
      SP_UNROLL for (int i = 0; i < 4; ++i) {
        IntVec index;
        Vec weights;
        __builtin_memcpy(&index, t.from + (4 * v + i) * kLanes, sizeof index);
        __builtin_memcpy(&weights, t.weights + (4 * v + i) * kLanes, sizeof weights);
        sum += weights * Gather(from, index, Vec{});
      }
      At(to, t.to[v]) = sum;
    }
  }
}
