// Products of a value and a gate made of it, as exporters write SiLU and hard-swish, as one
// activation: it then joins the layer before it, and the value is not read twice.
#pragma once

#include "engine/graph.h"

namespace sparseprune {

// x sigmoid(x), x hard_sigmoid(x), and hard-swish and hard-sigmoid written with a clamp:
// x min(max(x + 3, 0), 6) / 6, where nothing else reads what is in between. `graph` is valid. The
// values in between keep their numbers, but nothing makes them.
Graph JoinGates(Graph graph);

}  // namespace sparseprune
