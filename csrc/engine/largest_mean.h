// The kernel of pruning by mean relative contribution; no part of running a network.
#pragma once

#include <string>

#include "kernels/table.h"

namespace sparseprune {

// As the kernel says, on one thread; makes its room itself. Throws as FindKernels.
void LargestMean(LargestMeanTask task, const std::string& isa);

}  // namespace sparseprune
