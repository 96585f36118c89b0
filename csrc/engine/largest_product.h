// The kernel of pruning by relative contribution; no part of running a network.
#pragma once

#include <string>

#include "kernels/table.h"

namespace sparseprune {

// As the kernel says, on one thread; finds `largest_a` itself. Throws as FindKernels.
void LargestProduct(LargestProductTask task, const std::string& isa);

}  // namespace sparseprune
