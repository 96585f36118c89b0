// Concatenation without copies: what is joined is written side by side from the start.
#pragma once

#include <vector>

#include "engine/layout.h"
#include "engine/steps.h"

namespace sparseprune {

// Where a value lies among the channels of another, in the same layout but for their number.
struct Subview {
  ValueId whole = -1;  // -1: it has memory of its own
  int64_t first = 0;   // channel
};

// Per value. `made` holds the layout of each; values of one whole get one halo, wide enough for
// the readers of all.
std::vector<Subview> PlaceSubviews(const Graph& graph, const std::vector<Step>& steps,
                                   std::vector<Layout>& made);

}  // namespace sparseprune
