#include "engine/largest_product.h"

#include <algorithm>
#include <vector>

#include "engine/isa.h"

namespace sparseprune {
namespace {

// Of each column, the largest of every kTermRun rows.
std::vector<float> LargestOfRuns(const float* values, int64_t rows, int64_t cols) {
  std::vector<float> largest((rows + kTermRun - 1) / kTermRun * cols);
  for (int64_t row = 0; row < rows; ++row) {
    float* run = largest.data() + row / kTermRun * cols;
    for (int64_t col = 0; col < cols; ++col)
      run[col] = std::max(run[col], values[row * cols + col]);
  }
  return largest;
}

}  // namespace

void LargestProduct(LargestProductTask task, const std::string& isa) {
  const std::vector<float> largest = LargestOfRuns(task.a, task.positions, 2 * task.rows);
  task.largest_a = largest.data();
  FindKernels(isa).largest_product(task);
}

}  // namespace sparseprune
