// Arithmetic that several files share.
#pragma once

#include <cstdint>

namespace sparseprune {

// a / b, rounded up; both positive, or a zero.
constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// a / b, rounded down; b positive.
constexpr int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace sparseprune
