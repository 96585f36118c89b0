// The vectors the kernels work on, by SP_LANES, which each kernels_*.cpp defines. Do not test
// feature macros (avx2 and the like) here: g++ does not define them inside a target region.
constexpr int kLanes = SP_LANES;
constexpr int64_t kVectorBytes = 4 * SP_LANES;
using Vec = float __attribute__((vector_size(4 * SP_LANES), may_alias));
using IntVec = int32_t __attribute__((vector_size(4 * SP_LANES), may_alias));

#define SP_INLINE __attribute__((always_inline)) inline
#define SP_UNROLL _Pragma("GCC unroll 32")

SP_INLINE const Vec& At(const char* base, int64_t vectors) {
  return *reinterpret_cast<const Vec*>(base + vectors * kVectorBytes);
}
SP_INLINE Vec& At(char* base, int64_t vectors) {
  return *reinterpret_cast<Vec*>(base + vectors * kVectorBytes);
}

// Anywhere in memory. clang takes no alignment below a vector's own from an alias.
SP_INLINE Vec Load(const float* from) {
  Vec v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
SP_INLINE void Store(float* to, Vec v) { __builtin_memcpy(to, &v, sizeof v); }
SP_INLINE IntVec Load(const int32_t* from) {
  IntVec v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

// The first `count` floats, at most a vector; the other lanes keep `rest`.
SP_INLINE Vec LoadSome(const float* from, int64_t count, Vec rest) {
  __builtin_memcpy(&rest, from, static_cast<size_t>(count) * sizeof(float));
  return rest;
}
SP_INLINE void StoreSome(float* to, Vec v, int64_t count) {
  __builtin_memcpy(to, &v, static_cast<size_t>(count) * sizeof(float));
}

// Minus, not plus: x + 0 is an operation (-0 + 0 is +0), x - 0 is the broadcast alone.
SP_INLINE Vec Splat(float x) { return x - Vec{}; }

SP_INLINE Vec And(Vec x, IntVec mask) {
  return reinterpret_cast<Vec>(reinterpret_cast<IntVec>(x) & mask);
}
// Masks lie in std::vector<int32_t>, which does not align them to a vector.
SP_INLINE Vec Masked(Vec x, const char* mask) {
  return And(x, Load(reinterpret_cast<const int32_t*>(mask)));
}

// The greater of both, or a NaN if either is. x86's maximum of (a, b) is b if either is one, so
// only a NaN in `a` needs care; compilers make twice the instructions of the plain choice below.
SP_INLINE Vec MaxOrNan(Vec a, Vec b) {
#if SP_LANES == 16
  return _mm512_mask_max_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), a, b);
#elif SP_LANES == 8
  return _mm256_blendv_ps(a, _mm256_max_ps(a, b), _mm256_cmp_ps(a, a, _CMP_ORD_Q));
#else
  const Vec larger = a > b ? a : b;
  return a == a ? larger : a;
#endif
}

// Lanes to choose by: those of a weight's sign.
#if SP_LANES == 16
using Chosen = __mmask16;
SP_INLINE Chosen Positive(Vec x) { return _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ); }
SP_INLINE Vec Choose(Chosen first, Vec a, Vec b) { return _mm512_mask_blend_ps(first, b, a); }
#elif SP_LANES == 8
using Chosen = Vec;
SP_INLINE Chosen Positive(Vec x) { return _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ); }
SP_INLINE Vec Choose(Chosen first, Vec a, Vec b) { return _mm256_blendv_ps(b, a, first); }
#else
using Chosen = IntVec;
SP_INLINE Chosen Positive(Vec x) { return x > Vec{}; }
SP_INLINE Vec Choose(Chosen first, Vec a, Vec b) { return first ? a : b; }
#endif

// Of four floats `from`, two for each of two rows, a row's first where its weights are positive,
// else its second. One load for four numbers: broadcasts are what limits kernels that choose.
SP_INLINE Vec Fours(const float* from) {
#if SP_LANES == 16
  return _mm512_maskz_broadcast_f32x4(0xffff, _mm_loadu_ps(from));
#elif SP_LANES == 8
  return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(from));
#else
  return Load(from);
#endif
}
SP_INLINE IntVec Picks(Vec weights, int row) { return (weights > Vec{}) + (2 * row + 1); }
SP_INLINE Vec Pick(Vec fours, IntVec picks, [[maybe_unused]] int row) {
#if SP_LANES == 16
  return _mm512_maskz_permutevar_ps(0xffff, fours, reinterpret_cast<__m512i>(picks));
#elif SP_LANES == 8
  return _mm256_permutevar_ps(fours, reinterpret_cast<__m256i>(picks));
#else
  return picks == 2 * row ? Splat(fours[2 * row]) : Splat(fours[2 * row + 1]);
#endif
}

#if SP_LANES == 16
SP_INLINE Vec Permute(Vec x, IntVec index) {
  return _mm512_maskz_permutexvar_ps(0xffff, reinterpret_cast<__m512i>(index), x);
}
SP_INLINE Vec Gather(const float* base, IntVec index, Vec fill) {
  const __m512i at = reinterpret_cast<__m512i>(index);
  const __mmask16 inside = _mm512_cmpge_epi32_mask(at, _mm512_setzero_si512());
  return _mm512_mask_i32gather_ps(fill, inside, at, base, 4);
}
#elif SP_LANES == 8
SP_INLINE Vec Permute(Vec x, IntVec index) {
  return _mm256_permutevar8x32_ps(x, reinterpret_cast<__m256i>(index));
}
SP_INLINE Vec Gather(const float* base, IntVec index, Vec fill) {
  const __m256i at = reinterpret_cast<__m256i>(index);
  const __m256i inside = _mm256_xor_si256(_mm256_srai_epi32(at, 31), _mm256_set1_epi32(-1));
  return _mm256_mask_i32gather_ps(fill, base, at, _mm256_castsi256_ps(inside), 4);
}
#elif SP_LANES == 4
SP_INLINE Vec Permute(Vec x, IntVec index) {
  return Vec{x[index[0]], x[index[1]], x[index[2]], x[index[3]]};
}
SP_INLINE Vec Gather(const float* base, IntVec index, Vec fill) {
  for (int lane = 0; lane < kLanes; ++lane)
    if (index[lane] >= 0) fill[lane] = base[index[lane]];
  return fill;
}
#else
#error "define SP_LANES as 4, 8 or 16 before including simd-inl.h"
#endif
