// Operations on whole feature maps: pooling, averages, sums.

// Every NaN stays: v > best is false for a NaN on either side, so a NaN is taken by the second
// test and never replaced.
SP_INLINE Vec MaxOrNan(Vec best, Vec v) { return ((v > best) | (v != v)) ? v : best; }

SP_INLINE Vec PoolOne(const PoolTask& t, const char* window) {
  Vec best = At(window, 0);
  for (int64_t ky = 0; ky < t.kernel[0]; ++ky)
    for (int64_t kx = 0; kx < t.kernel[1]; ++kx)
      best = MaxOrNan(best, At(window, ky * t.input.row_stride + kx));
  return best;
}

void MaxPool(const PoolTask& t) {
  for (int64_t c = 0; c < t.region.channels; ++c)
    for (int64_t y = 0; y < t.region.rows; ++y)
      for (int64_t x = 0; x < t.region.cols; ++x) {
        const int64_t from =
            c * t.input.channel_stride + y * t.stride[0] * t.input.row_stride + x * t.stride[1];
        Vec best = PoolOne(t, t.input.data + from * kVectorBytes);
        if (t.mask != nullptr) best = Masked(best, t.mask + (y * t.region.cols + x) * kVectorBytes);
        At(t.output.data, c * t.output.channel_stride + y * t.output.row_stride + x) = best;
      }
}

// By halves: short chains of additions, and error bounds that grow with their depth only.
SP_INLINE float SumLanes(Vec v) {
  float lanes[kLanes];
  __builtin_memcpy(lanes, &v, sizeof lanes);
  SP_UNROLL for (int width = kLanes / 2; width > 0; width /= 2)
      SP_UNROLL for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

void Average(const AverageTask& t) {
  for (int64_t c = 0; c < t.region.channels; ++c) {
    Vec sum = {};
    for (int64_t y = 0; y < t.region.rows; ++y)
      for (int64_t x = 0; x < t.region.cols; ++x)
        sum += At(t.input.data, c * t.input.channel_stride + y * t.input.row_stride + x);
    if (t.sum_lanes)
      reinterpret_cast<float*>(t.output)[c] = SumLanes(sum) / t.area;
    else
      At(t.output, c * t.output_channel_stride) = sum / Splat(t.area);
  }
}
