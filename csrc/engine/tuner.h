// Finds tiles by timing them inside the running network.
#pragma once

#include <vector>

#include "engine/mode.h"
#include "engine/tuning.h"

namespace sparseprune {

// A tuning of the graph's layers: the entries of `known`, and for other layers the tiles that ran
// fastest of those there was time to try. Takes about `seconds`, less when all candidates have been
// tried, on this thread alone. `shapes` as for Plan. Throws InvalidGraph or std::bad_alloc.
//
// Only tiles change, so results with and without differ by no more than the rounding of sums in
// another order.
Tuning Tune(const Graph& graph, const std::vector<Shape>& shapes, const Mode& mode,
            const KernelTable& kernels, const Tuning& known, double seconds);

}  // namespace sparseprune
