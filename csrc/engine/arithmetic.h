// Arithmetic that several files share.
#pragma once

#include <cstdint>

namespace sparseprune {

// a / b, rounded up; both positive, or a zero.
constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace sparseprune
