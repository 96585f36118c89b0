// Weights as a graph holds them between plans: one bit for each, and the values of the kept ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sparseprune {

// How weights are packed depends on the input shape, so the graph keeps them for shapes to come.
// This takes an eighth of the dense array where nine in ten are zero, a thirtieth more where none.
class Weights {
 public:
  Weights() = default;
  // Kept are those that are not zero: a NaN is, -0 is not and comes back as 0.
  Weights(const std::vector<float>& dense);  // implicit: only the storage changes
  // `size` weights, all zero, with room for `room` others.
  Weights(size_t size, size_t room);

  // Sets the next weight, unless to zero; positions must rise from call to call.
  void Append(size_t position, float value);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t kept() const { return static_cast<int64_t>(values_.size()); }
  std::vector<float> Dense() const;

 private:
  size_t size_ = 0;
  std::vector<uint64_t> kept_;  // bit i % 64 of word i / 64
  std::vector<float> values_;
};

}  // namespace sparseprune
