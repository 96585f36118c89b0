// Weights as a compact node stores them: the kept values in row-major order, and where they are.
#pragma once

#include "engine/weights.h"
#include "ort/tensor.h"

namespace sparseprune::ort {

struct Encoding {
  enum class Positions { kSteps, kBitmask };

  Positions kind = Positions::kSteps;
  // float32 or float16, [n], n >= 1. A zero among them is structural; infinities and NaNs are
  // weights like others, as they are in the function that stands for the node elsewhere.
  Tensor values;
  // kSteps: uint8 or uint16, [n]; the distance of each value from the one before, the first one's
  // from -1. kBitmask: uint8, [ceil(count / 8)]; bit i % 8 of byte i / 8 is set where weight i is
  // kept, and so n bits are; the bits left over are not.
  Tensor positions;
};

// Throws Refusal unless types, ranks and lengths are such for a weight of `count` values.
void CheckEncoding(const Encoding& encoding, int64_t count);

// Both trust CheckEncoding. How many values are not zero:
int64_t KeptCount(const Encoding& encoding);
// The weight; throws Refusal where positions lie outside it, or there is not one for each value.
Weights Decode(const Encoding& encoding, int64_t count);

}  // namespace sparseprune::ort
