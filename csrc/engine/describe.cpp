#include "engine/describe.h"

#include <algorithm>

#include "engine/arithmetic.h"
#include "engine/plan.h"
#include "engine/plan_cache.h"
#include "engine/shapes.h"

namespace sparseprune {
namespace {

// Others shown beside the tile in use.
constexpr size_t kMostOthers = 3;

// Bytes per cycle one core gets from its second-level cache, and from the one behind it: measured
// on Zen 4 by reading, and by matrix products of one row.
constexpr double kL2Bytes = 32, kL3Bytes = 20;

const char* NameOf(Op op) {
  switch (op) {
    case Op::kConv:
      return "conv";
    case Op::kLinear:
      return "linear";
    case Op::kAdd:
      return "add";
    case Op::kMultiply:
      return "product";
    case Op::kActivation:
      return "activation";
    case Op::kScale:
      return "scale";
    case Op::kMaxPool:
      return "max pool";
    case Op::kAveragePool:
      return "avg pool";
    case Op::kGlobalAveragePool:
      return "mean";
    case Op::kConcat:
      return "concat";
    case Op::kResize:
      return "resize";
    case Op::kSoftmax:
      return "softmax";
    case Op::kFlatten:
      return "flatten";
  }
  return "";
}

// Vectors of 512 bits: one multiply-add and one load start in a cycle; shorter ones: two.
double PerCycle(int lanes) { return lanes >= 16 ? 1 : 2; }

std::vector<Bound> BoundsOf(const ConvShape& s, const TileChoice& tile) {
  const double vectors = static_cast<double>(s.rows * s.cols);
  const double pieces =
      static_cast<double>(CeilDiv(s.rows, tile.rows) * CeilDiv(s.cols, tile.cols));
  double loads = 0, bytes = 0;
  for (int i = 0; i < 4; ++i) {
    const double taps = static_cast<double>(s.taps[i]), width = 1 << i;
    loads += taps * (vectors + width * pieces);
    bytes += taps * (4 * width + 2);  // weights and an offset
  }
  const double map = 4 * static_cast<double>(s.lanes) * vectors;
  const double maps = map * static_cast<double>(s.in_channels * s.stride[0] * s.stride[1]) +
                      map * static_cast<double>(s.out_channels);
  const double rate = PerCycle(s.lanes);
  std::vector<Bound> bounds = {{"FMA", static_cast<double>(s.kept) * vectors / rate},
                               {"L1", loads / rate},
                               {"L2", (bytes * pieces + maps) / kL2Bytes},
                               {"L3", bytes / kL3Bytes}};
  std::stable_sort(bounds.begin(), bounds.end(),
                   [](const Bound& a, const Bound& b) { return a.cycles > b.cycles; });
  return bounds;
}

void AddTiles(const ConvShape& shape, const KernelTable& kernels, const Tuning& tuning,
              LayerReport& report) {
  report.block_rows = shape.block_rows;
  if (shape.kept > 0)
    report.blocked = 1 - static_cast<double>(shape.taps[0]) / static_cast<double>(shape.kept);
  const TileChoice used = ChooseTile(shape, kernels, tuning);
  const auto known = tuning.find(TuningKey(shape));
  report.tuned = known != tuning.end() && known->second == used;
  report.tiles.push_back({used, TileCycles(shape, used)});
  for (const TileChoice& tile : RankTiles(shape, kernels))
    if (report.tiles.size() <= kMostOthers && !(tile == used))
      report.tiles.push_back({tile, TileCycles(shape, tile)});
  report.bounds = BoundsOf(shape, used);
}

void AddWeights(const Node& node, LayerReport& report) {
  report.density =
      static_cast<double>(node.weight.kept()) / static_cast<double>(node.weight.size());
  report.block_rows = 1;
}

// What a layer for one vector reads of its weights, each of them once: values and offsets.
double WeightBytes(const Node& node) { return 6 * static_cast<double>(node.weight.kept()); }

}  // namespace

std::vector<LayerReport> Describe(const Graph& graph, const std::vector<Shape>& inputs,
                                  const KernelTable& kernels, const Tuning& tuning) {
  const std::vector<Shape> shapes = InferShapes(graph, inputs);
  const BatchPlan batch = PlanBatch(graph, shapes, BatchOf(inputs), kernels.lanes);
  const Mode mode = batch.many_images > batch.single_images ? batch.many : Mode{};
  const Plan plan(graph, shapes, mode, kernels, tuning);
  std::vector<const ConvShape*> tiled;  // of convolutions, and linear layers with images in lanes
  for (const OperationPtr& operation : plan.operations())
    if (operation->conv_shape() != nullptr) tiled.push_back(operation->conv_shape());
  size_t next = 0;
  std::vector<LayerReport> reports;
  for (const Step& step : FuseSteps(graph, shapes)) {
    reports.emplace_back();
    LayerReport& report = reports.back();
    report.name = step.node->name;
    report.op = NameOf(step.op);
    report.output = shapes[step.output];
    report.images = mode.Images(kernels.lanes);
    if (step.op != Op::kConv && step.op != Op::kLinear) continue;
    AddWeights(*step.node, report);
    if (step.op == Op::kConv || mode.images_in_lanes)
      AddTiles(*tiled[next++], kernels, tuning, report);
    else
      report.bounds = {{"L3", WeightBytes(*step.node) / kL3Bytes}};
  }
  return reports;
}

}  // namespace sparseprune
