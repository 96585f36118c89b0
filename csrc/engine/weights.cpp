#include "engine/weights.h"

#include <algorithm>

namespace sparseprune {

Weights::Weights(size_t size, size_t room) : size_(size), kept_((size + 63) / 64) {
  values_.reserve(room);
}

Weights::Weights(const std::vector<float>& dense)
    : Weights(dense.size(), static_cast<size_t>(std::count_if(dense.begin(), dense.end(),
                                                              [](float w) { return w != 0; }))) {
  for (size_t i = 0; i < size_; ++i) Append(i, dense[i]);
}

void Weights::Append(size_t position, float value) {
  if (value == 0) return;
  kept_[position / 64] |= uint64_t{1} << (position % 64);
  values_.push_back(value);
}

std::vector<float> Weights::Dense() const {
  std::vector<float> dense(size_);
  const float* value = values_.data();
  for (size_t word = 0; word < kept_.size(); ++word)
    for (uint64_t left = kept_[word]; left != 0; left &= left - 1)
      dense[64 * word + static_cast<size_t>(__builtin_ctzll(left))] = *value++;
  return dense;
}

}  // namespace sparseprune
