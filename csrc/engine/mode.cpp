#include "engine/mode.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "engine/arithmetic.h"
#include "engine/shapes.h"

namespace sparseprune {
namespace {

// L2 is 1 MB and more on the CPUs with AVX-512. With images in lanes a layer's maps are `lanes`
// times larger; beyond L2 the image-by-image loop is as fast (measured on 32 x 32 maps), unless it
// streams weights that do not fit L2 either, once for every image: VGG16 at 32 x 32, 64 images,
// took 240, 122 and 68 ms at 80, 90 and 95 % zeros image by image, and 115, 75 and 45 with images
// in lanes. Its largest layer then has 8 MB, which L3 holds.
constexpr int64_t kMostBytes = int64_t{1} << 20, kMostStreamedBytes = int64_t{1} << 24;
// Of a packed weight: value and offset.
constexpr int64_t kWeightBytes = 6;

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

int64_t WeightBytes(const Graph& graph) {
  int64_t bytes = 0;
  for (const Node& node : graph.nodes) bytes += node.weight.kept() * kWeightBytes;
  return bytes;
}

// Gathers address the images of one pass with 32-bit indices.
bool Addressable(const Graph& graph, const std::vector<Shape>& shapes, int64_t images) {
  return std::all_of(graph.inputs.begin(), graph.inputs.end(), [&](ValueId id) {
    return PerImage(shapes[id]) < std::numeric_limits<int32_t>::max() / images;
  });
}

// Cycles per weight that is kept, or of a dense layer, measured on layers of 768 x 3072: of an
// image side by side with others, and of a pass with images in lanes and its groups.
struct Speed {
  double image, pass, group;
};
struct Speeds {
  Speed sparse, dense;
};
Speeds SpeedsOf(int64_t lanes) {
  if (lanes == 16) return {{0.33, 0.5, 1.5}, {0.083, 1, 1.1}};
  if (lanes == 8) return {{1.2, 0.4, 1}, {0.27, 1.4, 0.6}};
  return {{1.2, 0.45, 1}, {0.43, 0.9, 1}};
}

// Above this share of weights kept, panels of whole columns beat windows (engine/sliced_rows.cpp).
// At 0.51 to 0.57, where windows are packed, 16 and 64 vectors side by side took 2.4 times as long
// as in lanes.
constexpr double kDense = 0.6;

// What the linear layers of a network of vectors take.
class VectorCycles {
 public:
  VectorCycles(const Graph& graph, int64_t lanes) {
    const Speeds speeds = SpeedsOf(lanes);
    for (const Node& node : graph.nodes) {
      if (node.op != Op::kLinear) continue;
      const double kept = static_cast<double>(node.weight.kept());
      const double all = static_cast<double>(node.weight.size());
      const bool dense = kept > kDense * all;
      const Speed& speed = dense ? speeds.dense : speeds.sparse;
      const double weights = dense ? all : kept;
      image_ += weights * speed.image;
      pass_ += weights * speed.pass;
      group_ += weights * speed.group;
    }
  }

  double Together(int64_t images) const { return image_ * static_cast<double>(images); }
  double Pass(int64_t groups) const { return pass_ + group_ * static_cast<double>(groups); }

 private:
  double image_ = 0, pass_ = 0, group_ = 0;
};

BatchPlan VectorPlan(const Graph& graph, const std::vector<Shape>& shapes, int64_t batch,
                     int64_t lanes) {
  const VectorCycles cycles(graph, lanes);
  BatchPlan best;
  best.single_images = batch;
  double fewest = cycles.Together(batch);
  // More groups than L2 holds cost more than the weights they share: 128 vectors through layers of
  // 768 and 3072 are 1.1 to 1.3 times faster as two passes of four groups than as one of eight.
  const int64_t group_bytes = std::max<int64_t>(LargestLayer(graph, shapes), 1) * lanes * 4;
  const int64_t most = std::clamp(kMostBytes / group_bytes, int64_t{1}, kMostGroups);
  for (int64_t groups = 1; groups <= std::min(most, CeilDiv(batch, lanes)); ++groups) {
    const Mode mode{true, groups};
    const int64_t pass = mode.Images(lanes);
    if (!Addressable(graph, shapes, pass)) break;
    const int64_t rest = batch % pass;
    const bool fill = cycles.Pass(groups) <= cycles.Together(rest);  // a pass not full
    const double taken = static_cast<double>(batch / pass) * cycles.Pass(groups) +
                         (fill ? cycles.Pass(groups) : cycles.Together(rest));
    if (taken >= fewest) continue;
    fewest = taken;
    best = {mode, fill ? batch : batch - rest, fill ? 0 : rest, 1};
  }
  const int64_t sets = CeilDiv(best.single_images, kMostTogether);
  best.together = sets > 0 ? CeilDiv(best.single_images, sets) : 1;
  return best;
}

BatchPlan MapPlan(const Graph& graph, const std::vector<Shape>& shapes, int64_t batch,
                  int64_t lanes) {
  BatchPlan plan;
  plan.single_images = batch;
  const int64_t most = WeightBytes(graph) > kMostBytes ? kMostStreamedBytes : kMostBytes;
  if (LargestLayer(graph, shapes) * lanes * 4 > most) return plan;
  if (!Addressable(graph, shapes, lanes)) return plan;
  plan.many.images_in_lanes = true;
  // A pass costs the same however few of its lanes are filled; a map spread over the lanes fills
  // them better.
  const int64_t rest = batch % lanes;
  plan.single_images = rest > lanes / 2 ? 0 : rest;
  plan.many_images = batch - plan.single_images;
  return plan;
}

}  // namespace

BatchPlan PlanBatch(const Graph& graph, const std::vector<Shape>& shapes, int64_t batch,
                    int64_t lanes) {
  return (HasMaps(graph, shapes) ? MapPlan : VectorPlan)(graph, shapes, batch, lanes);
}

}  // namespace sparseprune
