// Everything about a graph's nodes that the choice of regions depends on.
#pragma once

#include "ort/partition.h"

namespace sparseprune::ort {

// One vertex per node, in the same order.
std::vector<Vertex> Assess(const SourceGraph& source);

}  // namespace sparseprune::ort
