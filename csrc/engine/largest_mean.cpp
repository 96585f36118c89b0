#include "engine/largest_mean.h"

#include <algorithm>
#include <vector>

#include "engine/isa.h"

namespace sparseprune {
namespace {

// Of inputs together, 1 MB: what is gone through for every few columns.
constexpr int64_t kFactors = int64_t{1} << 18;

}  // namespace

void LargestMean(LargestMeanTask task, const std::string& isa) {
  const KernelTable& kernels = FindKernels(isa);
  const int64_t width = kMostMeanCols * kernels.lanes;
  const int64_t factors_of_one = 4 * ((task.rows + 1) / 2) * task.positions;
  const int64_t together =
      std::clamp<int64_t>(kFactors / std::max<int64_t>(1, factors_of_one), 1, task.inputs);
  std::vector<float> line(2 * task.rows + 1), factors(factors_of_one * together);
  std::vector<float> panel(kMeanBlock * width), sums(task.rows * width);
  task.line = line.data();
  task.factors = factors.data();
  task.panel = panel.data();
  task.sums = sums.data();
  for (int64_t left = task.inputs; left > 0; left -= together) {
    task.inputs = std::min(together, left);
    kernels.largest_mean(task);
    task.totals += task.inputs * task.positions * 2 * task.rows;
    task.b += task.inputs * task.positions * task.cols;
  }
}

}  // namespace sparseprune
