#include "ort/encoding.h"

#include <algorithm>
#include <cstring>

#include "engine/arithmetic.h"
#include "ort/refusal.h"

namespace sparseprune::ort {
namespace {

using abi::ElementType;

// IEEE 754 binary16 to binary32, exactly.
float FromHalf(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
  constexpr uint32_t kInfinity = 0x7c00, kSmallestNormal = 0x0400, kRebias = 127 - 15;
  uint32_t bits = magnitude << 13;
  if (magnitude >= kInfinity) {
    bits |= 0x7f800000u;
  } else if (magnitude >= kSmallestNormal) {
    bits += kRebias << 23;
  } else {
    const float subnormal = static_cast<float>(magnitude) * 0x1p-24f;
    std::memcpy(&bits, &subnormal, sizeof bits);
  }
  bits |= sign;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Calls keep(position, index of the value) for positions in [0, count).
template <class Step, class Keep>
void FollowSteps(const Step* steps, int64_t stored, int64_t count, const Keep& keep) {
  int64_t position = -1;
  for (int64_t i = 0; i < stored; ++i) {
    Require(steps[i] > 0, "a step of 0: each must be at least 1");
    position += steps[i];
    Require(position < count, "steps lead out of its weight");
    keep(position, i);
  }
}

template <class Keep>
void FollowBits(const uint8_t* bytes, int64_t stored, int64_t count, const Keep& keep) {
  int64_t set = 0;
  for (int64_t b = 0; b < CeilDiv(count, 8); ++b) set += __builtin_popcount(bytes[b]);
  Require(set == stored, "bitmask does not set one bit for each value");
  Require(count % 8 == 0 || bytes[count / 8] >> (count % 8) == 0,
          "bitmask sets bits behind its weight");
  for (int64_t b = 0, i = 0; i < stored; ++b)
    for (unsigned left = bytes[b]; left != 0; left &= left - 1)
      keep(8 * b + __builtin_ctz(left), i++);
}

// `at` gives the value of an index.
template <class At>
Weights Gather(const Encoding& encoding, int64_t count, const At& at) {
  const int64_t stored = encoding.values.count();
  const Tensor& positions = encoding.positions;
  Weights weights(static_cast<size_t>(count), static_cast<size_t>(stored));
  const auto keep = [&](int64_t position, int64_t i) {
    weights.Append(static_cast<size_t>(position), at(i));
  };
  if (encoding.kind == Encoding::Positions::kBitmask) {
    FollowBits(positions.bytes(), stored, count, keep);
  } else if (positions.type == ElementType::kUint8) {
    FollowSteps(positions.bytes(), stored, count, keep);
  } else {
    FollowSteps(positions.words(), stored, count, keep);
  }
  return weights;
}

}  // namespace

void CheckEncoding(const Encoding& encoding, int64_t count) {
  const Tensor &values = encoding.values, &positions = encoding.positions;
  Require(values.type == ElementType::kFloat || values.type == ElementType::kFloat16,
          "values are neither float32 nor float16");
  Require(values.shape.size() == 1 && values.shape[0] >= 1, "values are not a list of one or more");
  if (encoding.kind == Encoding::Positions::kBitmask) {
    Require(positions.type == ElementType::kUint8, "bitmask is not uint8");
    Require(positions.shape == Shape{CeilDiv(count, 8)}, "bitmask has not one bit for each weight");
    return;
  }
  Require(positions.type == ElementType::kUint8 || positions.type == ElementType::kUint16,
          "steps are neither uint8 nor uint16");
  Require(positions.shape == values.shape, "there is not one step for each value");
}

int64_t KeptCount(const Encoding& encoding) {
  const Tensor& values = encoding.values;
  const int64_t count = values.count();
  if (values.type == ElementType::kFloat)
    return count - std::count(values.floats(), values.floats() + count, 0.0f);
  return std::count_if(values.words(), values.words() + count,
                       [](uint16_t half) { return (half & 0x7fffu) != 0; });
}

Weights Decode(const Encoding& encoding, int64_t count) {
  const Tensor& values = encoding.values;
  if (values.type == ElementType::kFloat)
    return Gather(encoding, count, [&](int64_t i) { return values.floats()[i]; });
  return Gather(encoding, count, [&](int64_t i) { return FromHalf(values.words()[i]); });
}

}  // namespace sparseprune::ort
