// A loop whose speed everyone can know: one aligned load and one multiply-add a step, from memory
// that stays in a cache. Eight chains hide the latency of dependent multiply-adds.
void Probe(const char* data, int64_t vectors, int64_t passes, char* sums) {
  constexpr int kChains = 8;
  Vec sum[kChains] = {};
  const Vec half = Splat(0.5f);
  for (int64_t pass = 0; pass < passes; ++pass)
    for (int64_t v = 0; v + kChains <= vectors; v += kChains)
      SP_UNROLL for (int i = 0; i < kChains; ++i) sum[i] = sum[i] * half + At(data, v + i);
  for (int i = 0; i < kChains; ++i) At(sums, i) = sum[i];
}
