// Operations on whole feature maps: averages, sums.

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
