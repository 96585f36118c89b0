// What one pass over the network computes at once.
#pragma once

#include <vector>

#include "engine/graph.h"
#include "engine/steps.h"

namespace sparseprune {

// Eight vectors of images keep the FMA units busy (kernels/conv-inl.h) and stay in few registers.
constexpr int64_t kMostGroups = 8;

struct Mode {
  bool images_in_lanes = false;  // else one image, its map spread over the lanes
  int64_t groups = 1;            // images per lane; above one only in networks without maps
  int64_t Images(int64_t lanes) const { return images_in_lanes ? lanes * groups : 1; }
};

// Images that go through a network of vectors side by side, each operation running them all before
// the next: they share the stream of weights, and what they hold stays in L2.
constexpr int64_t kMostTogether = 64;

// The modes for a batch, and how many images each takes: first `many`, then the rest one by one, or
// `together` at a time.
struct BatchPlan {
  Mode many;
  int64_t many_images = 0, single_images = 0, together = 1;
};

// `shapes` holds the shape of every value (InferShapes).
BatchPlan PlanBatch(const Graph& graph, const std::vector<Shape>& shapes, int64_t batch,
                    int64_t lanes);

}  // namespace sparseprune
