// Everything about a graph's nodes that the choice of regions depends on.
#pragma once

#include "ort/partition.h"

namespace sparseprune::ort {

// One vertex per node, in the same order. `lanes`: floats in one of our vectors.
std::vector<Vertex> Assess(const SourceGraph& source, int lanes);

}  // namespace sparseprune::ort
