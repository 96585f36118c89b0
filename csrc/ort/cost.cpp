#include "ort/cost.h"

#include <algorithm>

#include "engine/arithmetic.h"

namespace sparseprune::ort {
namespace {

// An image, and a short text. Of a fully convolutional network little but the ratios of sizes
// matters, as long as its last maps do not become too small to fill the lanes; an unknown batch is
// one image, where lanes are hardest to fill.
constexpr int64_t kUnknownSide = 224, kUnknownTokens = 128;

// Multiply-adds per cycle at best: of one 512-bit vector, or of two narrower ones.
double PeakMacs(double lanes) { return std::min(2 * lanes, 16.0); }

// The CPU provider's share of the peak, measured: convolutions of 16 channels and more 0.83 to 1,
// other groups 0.13, matrix products of many rows 0.85 to 0.98. Depthwise ones, of taps inside the
// map alone, which are all it computes: 0.43 to 0.88 on 11 of 12 shapes within chains of them,
// where maps stay in its blocks (0.31 on a map of 5 MB).
constexpr double kDenseShare = 0.9, kDepthwiseShare = 0.6, kGroupShare = 0.13;
// It pads channels to its blocks of 16, but for the input of a first layer.
constexpr int64_t kDenseBlock = 16;
// A product of one row is bound by reading its weight: measured 17 GMAC/s at 3.4 GHz from L3.
constexpr double kCyclesPerWeightRead = 0.2;
// So is a convolution of few positions whose weights lie beyond L2 (1 MB): measured 0.4 to 1 cycle
// each on layers of 2 to 9 MB and maps of 2 x 2.
constexpr double kFarWeights = 1 << 18, kCyclesPerFarWeight = 0.5;

// Ours: cycles of one vector multiply-add of a kept weight in a row of its own, and what is saved
// where rows share their taps and load an input once. The taps of a window find their inputs in L1;
// a kernel of one position brings in new ones with each.
struct TapCycles {
  double alone, shared;

  // A weight's neighbours are kept the more often, the more are.
  double Of(double kept) const { return alone - shared * kept * kept; }
};
// Measured in chains of layers of 16 to 1024 channels on maps of 4 x 4 to 56 x 56, with 10 to 90 %
// of the weights taken at random: within 15 % of windows, 20 % of other kernels. Of whole networks
// (residual ones of 8 to 56 layers, VGG16, MobileNetV1; 30 to 80 % zeros, one image) the estimated
// speedup is 0.85 to 1.15 of the measured one.
constexpr TapCycles kWindowTap{1.75, 0.65}, kPointTap{2.1, 0.5};
// Shorter vectors have half the registers, so smaller tiles: whole networks take 1.1 to 1.4 times
// as many cycles beside the CPU provider's.
constexpr double kNarrowTap = 1.25;
// All that is done once per vector of outputs.
constexpr double kCyclesPerOutput = 4;
// Depthwise layers keep so few taps that the rest decides: per vector of outputs, per channel, and
// per vector of the halo around an input tile. Measured on layers of 3 x 3 and 5 x 5, 90 % zeros.
constexpr double kDepthwiseOutput = 5, kDepthwiseChannel = 60, kHaloCycles = 2;
// For one row: gathers, or permutes; weights and their positions are read once. Rough.
constexpr double kCyclesPerKeptRead = 0.35;

// Rough, as such nodes take little of a network's time. Per float, here and there alike: a node
// that reads and writes each once, and pooling. Clamps join the layer before them on both sides.
// Sigmoid and hard-swish do so here only.
constexpr double kPointwiseCycles = 0.4, kPoolCycles = 0.7, kExpCycles = 1.1;
// Per float: laying a map out for lanes (here), and for blocks of channels (there), or back; of
// rows shorter than a vector, whose values are gathered, measured 1.8 to 3.2.
constexpr double kBorder = 1.2, kNarrowBorder = 2.4;
// Scheduling a node of its own: 0.2 us.
constexpr double kNodeCycles = 700;

int64_t Filled(int64_t count, int64_t block) { return CeilDiv(count, block) * block; }

double Product(const Shape& shape) {
  double product = 1;
  for (int64_t extent : shape) product *= static_cast<double>(extent);
  return product;
}

int64_t StandIn(size_t rank, size_t axis) {
  if (axis == 0) return 1;
  return rank == 3 ? kUnknownTokens : kUnknownSide;
}

// All but the batch in one; no larger than what can be multiplied on.
int64_t Features(const Shape& size) {
  const double features = Product(Shape(size.begin() + 1, size.end()));
  return static_cast<int64_t>(std::min(features, static_cast<double>(kMaxExtent)));
}

int64_t Slide(int64_t extent, const Window& w, int axis) {
  const int64_t room = extent + w.pad_begin[axis] + w.pad_end[axis] - w.Reach(axis);
  return room < 0 ? 1 : room / w.stride[axis] + 1;
}

bool IsDepthwise(const Layer& layer) { return layer.groups > 1 && layer.weight.shape[1] == 1; }

// Along an axis, over all windows: the taps that do not lie in the padding.
double TapsInside(const Window& w, int axis, int64_t input, int64_t output) {
  double taps = 0;
  for (int64_t k = 0; k < w.kernel[axis]; ++k) {
    const int64_t from = w.pad_begin[axis] - k * w.dilation[axis], stride = w.stride[axis];
    const int64_t first = std::max<int64_t>(CeilDiv(from, stride), 0);
    const int64_t end = std::min(FloorDiv(input - 1 + from, stride) + 1, output);
    taps += static_cast<double>(std::max<int64_t>(end - first, 0));
  }
  return taps;
}

}  // namespace

CostModel::CostModel(const SourceGraph& graph, int lanes)
    : graph_(graph), lanes_(lanes), sizes_(graph.values.size()) {}

const Shape& CostModel::SizeOf(int value) {
  const std::vector<Axis>& axes = graph_.values[value].axes;
  Shape& size = sizes_[value];
  for (size_t i = size.size(); i < axes.size(); ++i)
    size.push_back(axes[i].extent >= 0 ? axes[i].extent : StandIn(axes.size(), i));
  return size;
}

double CostModel::Floats(int value) { return Product(SizeOf(value)); }

double CostModel::BorderCycles(int value) {
  const Shape& size = SizeOf(value);
  const bool map = size.size() == 4 && !graph_.values[value].rows;
  const bool narrow = map && size[2] * size[3] > 1 && size[3] < lanes_;
  return (narrow ? kNarrowBorder : kBorder) * Floats(value);
}

Shape CostModel::Infer(const Layer& layer) {
  Shape size = SizeOf(layer.inputs[0]);
  if (layer.op == Op::kMultiply && !layer.alias && Floats(layer.inputs[1]) > Product(size))
    return SizeOf(layer.inputs[1]);
  if (layer.transpose == Transpose::kFromChannelsLast) return {size[0], size[3], size[1], size[2]};
  if (layer.transpose == Transpose::kToChannelsLast) return {size[0], size[2], size[3], size[1]};
  if (layer.alias) return size;
  const size_t channels = size.size() == 4 && !layer.rows ? 1 : size.size() - 1;
  if (layer.op == Op::kConv || layer.op == Op::kMaxPool || layer.op == Op::kAveragePool)
    for (int axis : {0, 1}) size[2 + axis] = Slide(size[2 + axis], layer.window, axis);
  if (layer.weighted()) size[channels] = layer.outputs();
  if (layer.op == Op::kResize)
    for (int axis : {0, 1}) size[2 + axis] = layer.size[axis];
  if (layer.op == Op::kConcat)
    for (size_t i = 1; i < layer.inputs.size(); ++i)
      size[channels] += SizeOf(layer.inputs[i])[channels];
  if (layer.op == Op::kGlobalAveragePool && !layer.keep_dims) size.resize(2);
  if (layer.op == Op::kGlobalAveragePool && layer.keep_dims) size[2] = size[3] = 1;
  if (layer.op == Op::kFlatten) size = {size[0], Features(size)};
  return size;
}

Cost CostModel::Estimate(const Layer& layer, double sparsity) {
  Shape size = Infer(layer);
  const std::vector<Axis>& declared = graph_.values[layer.output].axes;
  for (size_t i = 0; i < declared.size() && declared.size() == size.size(); ++i)
    if (declared[i].extent >= 0) size[i] = declared[i].extent;
  sizes_[layer.output] = std::move(size);
  if (layer.transpose != Transpose::kNone)
    return {0, kPointwiseCycles * Floats(layer.output) + kNodeCycles};
  if (layer.alias || layer.op == Op::kFlatten) return {};
  if (layer.op == Op::kConv) return EstimateConv(layer, 1 - sparsity);
  if (layer.op == Op::kLinear) return EstimateLinear(layer, 1 - sparsity);
  if (layer.op == Op::kActivation && IsClamp(layer.activation)) return {};
  double floats = Floats(layer.output);
  for (int input : layer.inputs) floats = std::max(floats, Floats(input));
  const bool pools = layer.op == Op::kMaxPool || layer.op == Op::kAveragePool;
  const double cycles = floats * (pools ? kPoolCycles : kPointwiseCycles);
  const bool smooth = layer.op == Op::kActivation || layer.op == Op::kSoftmax;
  return {cycles, (smooth ? floats * kExpCycles : cycles) + kNodeCycles};
}

// When one image, or a batch, is spread over the lanes.
CostModel::Spread CostModel::SpreadOf(const Shape& map) const {
  const int64_t lanes = static_cast<int64_t>(lanes_);
  Spread best{lanes_, map[2], map[3]};
  if (map[0] >= lanes / 2)
    best.filling = static_cast<double>(Filled(map[0], lanes)) / static_cast<double>(map[0]);
  for (int64_t down = 1; down <= lanes; down *= 2) {
    const int64_t rows = CeilDiv(map[2], down), cols = CeilDiv(map[3], lanes / down);
    const double slots = static_cast<double>(rows) * static_cast<double>(cols) * lanes_;
    const double filling = slots / (static_cast<double>(map[2]) * static_cast<double>(map[3]));
    if (filling < best.filling) best = {filling, rows, cols};
  }
  return best;
}

// Beside the multiply-adds, in cycles of a vector.
double CostModel::OverheadOf(const Layer& layer, const Shape& map, const Spread& spread) const {
  const double channels = static_cast<double>(map[1]);
  const double images = static_cast<double>(map[0]) * static_cast<double>(map[2]) *
                        static_cast<double>(map[3]) * spread.filling / lanes_;
  if (!IsDepthwise(layer)) return images * channels * kCyclesPerOutput;
  const Window& w = layer.window;
  const double rows = static_cast<double>(spread.rows), cols = static_cast<double>(spread.cols);
  const double down = static_cast<double>(w.stride[0]), across = static_cast<double>(w.stride[1]);
  const double halo = ((rows - 1) * down + static_cast<double>(w.Reach(0))) *
                          ((cols - 1) * across + static_cast<double>(w.Reach(1))) -
                      rows * down * cols * across;
  const double each = kDepthwiseChannel + std::max(halo, 0.0) * kHaloCycles;
  return images * channels * (kDepthwiseOutput + each / (rows * cols));
}

double CostModel::DenseDepthwise(const Layer& layer, const Shape& map) {
  const Shape& input = SizeOf(layer.inputs[0]);
  double taps = static_cast<double>(map[0]) * static_cast<double>(Filled(map[1], kDenseBlock));
  for (int axis : {0, 1}) taps *= TapsInside(layer.window, axis, input[2 + axis], map[2 + axis]);
  return taps / (PeakMacs(lanes_) * kDepthwiseShare);
}

Cost CostModel::EstimateConv(const Layer& layer, double kept) {
  const Shape& weight = layer.weight.shape;
  const Shape& map = sizes_[layer.output];
  if (Product(map) == 0) return {};
  const double positions =
      static_cast<double>(map[0]) * static_cast<double>(map[2]) * static_cast<double>(map[3]);
  const double window = static_cast<double>(weight[2] * weight[3]);
  const double macs = positions * Product(weight);
  const Spread spread = SpreadOf(map);
  const double cycles =
      (window > 1 ? kWindowTap : kPointTap).Of(kept) * (lanes_ < 16 ? kNarrowTap : 1);
  const double taps = kept * macs * spread.filling / lanes_;
  const double ours = (taps * cycles + OverheadOf(layer, map, spread)) * lanes_ / PeakMacs(lanes_);
  if (IsDepthwise(layer)) return {ours, DenseDepthwise(layer, map) + kNodeCycles};

  const bool first = weight[1] < kDenseBlock;
  const double padded =
      layer.groups > 1
          ? macs
          : positions * window * static_cast<double>(Filled(weight[0], kDenseBlock)) *
                static_cast<double>(first ? weight[1] : Filled(weight[1], kDenseBlock));
  const double share = layer.groups > 1 ? kGroupShare : kDenseShare;
  const double weights = Product(weight);
  const double read = weights > kFarWeights ? weights * kCyclesPerFarWeight : 0;
  return {ours, std::max(padded / (PeakMacs(lanes_) * share), read) + kNodeCycles};
}

Cost CostModel::EstimateLinear(const Layer& layer, double kept) {
  const double weights = Product(layer.weight.shape);
  const double rows = Floats(layer.inputs[0]) / static_cast<double>(SizeOf(layer.inputs[0]).back());
  const double peak = PeakMacs(lanes_), macs = rows * weights;
  const double theirs = std::max(macs / (peak * kDenseShare), weights * kCyclesPerWeightRead);
  const double outputs = rows * static_cast<double>(layer.outputs());
  const double ours = rows < 2
                          ? kept * weights * kCyclesPerKeptRead
                          : (kept * macs * kPointTap.Of(kept) + outputs * kCyclesPerOutput) / peak;
  return {ours, theirs + kNodeCycles};
}

}  // namespace sparseprune::ort
