// Resized maps: copies and blends of input positions.

void Pick(const PickTask& t) {
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* from = t.input + c * t.input_channel_floats;
    char* to = t.output + c * t.output_channel_stride * kVectorBytes;
    for (int64_t v = 0; v < t.count; ++v)
      At(to, t.to[v]) = Gather(from, Load(t.index + v * kLanes), Vec{});
  }
}

void Blend(const BlendTask& t) {
  for (int64_t c = 0; c < t.channels; ++c) {
    const char* from = reinterpret_cast<const char*>(t.input + c * t.input_channel_floats);
    char* to = t.output + c * t.output_channel_stride * kVectorBytes;
    for (int64_t v = 0; v < t.count; ++v) {
      Vec sum = {};
      SP_UNROLL for (int i = 0; i < 4; ++i) sum +=
          Splat(t.weights[4 * v + i]) * At(from, t.from[4 * v + i]);
      if (t.mask != nullptr) sum = Masked(sum, t.mask + v * kVectorBytes);
      At(to, t.to[v]) = sum;
    }
  }
}

void BlendGathered(const BlendTask& t) {
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* from = t.input + c * t.input_channel_floats;
    char* to = t.output + c * t.output_channel_stride * kVectorBytes;
    for (int64_t v = 0; v < t.count; ++v) {
      Vec sum = {};
      SP_UNROLL for (int i = 0; i < 4; ++i) {
        const int64_t at = (4 * v + i) * kLanes;
        sum += Load(t.weights + at) * Gather(from, Load(t.from + at), Vec{});
      }
      At(to, t.to[v]) = sum;
    }
  }
}
