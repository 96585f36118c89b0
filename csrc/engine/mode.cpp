#include "engine/mode.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "engine/arithmetic.h"
#include "engine/shapes.h"

namespace sparseprune {
namespace {

// With images in lanes a layer's maps are `lanes` times larger; beyond L2 (1 MB and more on the
// CPUs with AVX-512) the image-by-image loop is as fast (measured on 32 x 32 maps).
constexpr int64_t kMostBytes = int64_t{1} << 20;

int64_t PerImage(const Shape& shape) { return ElementCount(Shape(shape.begin() + 1, shape.end())); }

bool HasMaps(const Graph& graph, const std::vector<Shape>& shapes) {
  const auto is_map = [&](ValueId id) { return shapes[id].size() == 4; };
  return std::any_of(graph.inputs.begin(), graph.inputs.end(), is_map);
}

// The largest input and output of one layer together, in floats of one image.
int64_t LargestLayer(const Graph& graph, const std::vector<Shape>& shapes) {
  int64_t most = 0;
  for (const Node& node : graph.nodes) {
    int64_t floats = PerImage(shapes[node.output]);
    for (ValueId id : node.inputs) floats += PerImage(shapes[id]);
    most = std::max(most, floats);
  }
  return most;
}

// Gathers address the images of one pass with 32-bit indices.
bool Addressable(const Graph& graph, const std::vector<Shape>& shapes, int64_t images) {
  return std::all_of(graph.inputs.begin(), graph.inputs.end(), [&](ValueId id) {
    return PerImage(shapes[id]) < std::numeric_limits<int32_t>::max() / images;
  });
}

}  // namespace

BatchPlan PlanBatch(const Graph& graph, const std::vector<Shape>& shapes, int64_t batch,
                    int64_t lanes) {
  BatchPlan plan;
  plan.single_images = batch;
  const bool maps = HasMaps(graph, shapes);
  if (!maps && getenv("SP_FEW")) {
    plan.together = std::min<int64_t>(batch, atoi(getenv("SP_FEW")));
    return plan;
  }
  if (maps && LargestLayer(graph, shapes) * lanes * 4 > kMostBytes) return plan;
  if (!maps) plan.many.groups = std::clamp(CeilDiv(batch, lanes), int64_t{1}, kMostGroups);
  plan.many.images_in_lanes = true;
  const int64_t pass = plan.many.Images(lanes);
  if (!Addressable(graph, shapes, pass)) return plan;
  // A pass costs the same however few of its lanes are filled. A vector layer streams its weights
  // once per pass, so two images already pay; a map spread over the lanes fills them better.
  const int64_t rest = batch % pass, fewest = maps ? lanes / 2 : 1;
  plan.single_images = rest > fewest ? 0 : rest;
  plan.many_images = batch - plan.single_images;
  return plan;
}

}  // namespace sparseprune
