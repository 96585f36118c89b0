#include "kernels/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>

namespace sparseprune {
namespace {

// Bits of leaf 1, leaf 7 and XCR0: Intel 64 manual, volume 2A (CPUID) and volume 1, 13.3.
constexpr unsigned kFma = 1U << 12, kOsxsave = 1U << 27;
constexpr unsigned kAvx2 = 1U << 5;
constexpr unsigned kAvx512 = 1U << 16 | 1U << 17 | 1U << 30 | 1U << 31;  // F, DQ, BW, VL
constexpr unsigned kYmmState = 0x6, kZmmState = 0xE6;

bool All(unsigned bits, unsigned wanted) { return (bits & wanted) == wanted; }

// The registers that the operating system saves when it switches threads.
unsigned SavedState() {
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool Has(unsigned leaf7, unsigned state) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !All(c, kFma | kOsxsave)) return false;
  if (!All(SavedState(), state)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && All(b, leaf7);
}

}  // namespace

bool HasAvx2() { return Has(kAvx2, kYmmState); }
bool HasAvx512() { return Has(kAvx2 | kAvx512, kZmmState); }

}  // namespace sparseprune
#endif
