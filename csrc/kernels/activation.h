// What may be applied to the sums of a layer before they are stored.
#pragma once

#include <cstdint>

namespace sparseprune {

// As ONNX defines them. kHardSigmoid: clamp(slope x + offset, 0, 1); kHardSwish: x times that;
// kSilu: x sigmoid(x). All keep a NaN.
enum class Activation : int32_t { kNone, kRelu, kRelu6, kHardSwish, kSigmoid, kHardSigmoid, kSilu };

// Of kHardSigmoid and kHardSwish.
struct Line {
  float slope = 1.0f / 6.0f, offset = 0.5f;
};

// Cheap enough for the end of every kernel, and zero stays zero.
constexpr bool IsClamp(Activation activation) { return activation <= Activation::kRelu6; }

}  // namespace sparseprune
