#include "engine/weights.h"

#include <algorithm>

namespace sparseprune {

Weights::Weights(const std::vector<float>& dense)
    : size_(dense.size()), kept_((dense.size() + 63) / 64) {
  values_.reserve(static_cast<size_t>(
      std::count_if(dense.begin(), dense.end(), [](float w) { return w != 0; })));
  for (size_t i = 0; i < size_; ++i) {
    if (dense[i] == 0) continue;
    kept_[i / 64] |= uint64_t{1} << (i % 64);
    values_.push_back(dense[i]);
  }
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
