// Which of our instruction sets this CPU and operating system can run.
#pragma once

#if defined(__x86_64__)
namespace sparseprune {

// Not __builtin_cpu_supports: the compiler's run-time library answers that, and not every one does
// (Zig's says no to everything, which would leave a wheel with the slowest kernels).
bool HasAvx2();    // and FMA
bool HasAvx512();  // F, VL, DQ and BW, and AVX2 with FMA

}  // namespace sparseprune
#endif
