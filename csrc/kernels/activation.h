// What may be applied to the sums of a layer before they are stored.
#pragma once

#include <cstdint>

namespace sparseprune {

// As ONNX defines them. kHardSwish: x * clamp(x / 6 + 1/2, 0, 1). All keep a NaN.
enum class Activation : int32_t { kNone, kRelu, kRelu6, kHardSwish, kSigmoid };

// Cheap enough for the end of every kernel, and zero stays zero.
constexpr bool IsClamp(Activation activation) { return activation <= Activation::kRelu6; }

}  // namespace sparseprune
