// A window of inputs in which every lane looks one up by its index.
//
// AVX-512 and AVX2 hold the window in four registers and permute: a gather from memory takes 1.3
// cycles a lane (measured), the permutations and blends of 16 lanes about three together. Other
// CPUs load lane by lane, so there a window may be as long as a byte can index.

#if SP_LANES == 4
constexpr int kWindow = 256;
struct InputWindow {
  const float* first;
};
#else
constexpr int kWindow = 4 * kLanes;
struct InputWindow {
  Vec part[4];
};
#endif

// Bit l is set where lane l holds a weight.
using Kept = uint16_t;

SP_INLINE InputWindow LoadWindow(const float* from) {
#if SP_LANES == 4
  return {from};
#else
  return {{Load(from), Load(from + kLanes), Load(from + 2 * kLanes), Load(from + 3 * kLanes)}};
#endif
}

#if SP_LANES == 16
SP_INLINE IntVec LoadIndex(const uint8_t* from) {
  return reinterpret_cast<IntVec>(
      _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
SP_INLINE Vec LookUp(const InputWindow& window, IntVec index) {
  const __m512i at = reinterpret_cast<__m512i>(index);
  const __m512 low = _mm512_permutex2var_ps(window.part[0], at, window.part[1]);
  const __m512 high = _mm512_permutex2var_ps(window.part[2], at, window.part[3]);
  return _mm512_mask_blend_ps(_mm512_test_epi32_mask(at, _mm512_set1_epi32(2 * kLanes)), low, high);
}
// `weights` is zero in the lanes that hold none.
SP_INLINE Vec AddKept(Vec sum, Vec weights, Vec x, Kept kept) {
  return _mm512_mask3_fmadd_ps(weights, x, sum, kept);
}
#elif SP_LANES == 8
SP_INLINE IntVec LoadIndex(const uint8_t* from) {
  return reinterpret_cast<IntVec>(
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}
SP_INLINE Vec LookUp(const InputWindow& window, IntVec index) {
  const __m256 odd = reinterpret_cast<__m256>(index << 28),
               high = reinterpret_cast<__m256>(index << 27);
  Vec part[4];
  SP_UNROLL for (int i = 0; i < 4; ++i) part[i] = Permute(window.part[i], index);
  return _mm256_blendv_ps(_mm256_blendv_ps(part[0], part[1], odd),
                          _mm256_blendv_ps(part[2], part[3], odd), high);
}
#else
SP_INLINE IntVec LoadIndex(const uint8_t* from) {
  return IntVec{from[0], from[1], from[2], from[3]};
}
SP_INLINE Vec LookUp(const InputWindow& window, IntVec index) {
  return Vec{window.first[index[0]], window.first[index[1]], window.first[index[2]],
             window.first[index[3]]};
}
#endif
#if SP_LANES != 16
SP_INLINE Vec AddKept(Vec sum, Vec weights, Vec x, Kept) {
  return sum + weights * And(x, weights != Vec{});
}
#endif
