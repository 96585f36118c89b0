// AVX2 with FMA: 8 lanes.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cpu_features.h"
#include "kernels/table.h"

#define SP_ISA avx2
#define SP_LANES 8
#define SP_SUPPORTED HasAvx2()

// Only what follows may use the instruction set: an inline function of a header above, compiled
// with it, could be the copy the linker keeps for everybody.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#include "kernels/kernels-inl.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif  // x86-64
