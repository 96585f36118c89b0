#include "engine/unroll.h"

#include "engine/conv.h"

namespace sparseprune {
namespace {

// Of the matrix before it is packed, zeros included: 64 MB. A 2 x 2 map of 1024 channels has it.
constexpr int64_t kMostCells = int64_t{1} << 24;

int64_t Area(const Shape& shape) { return shape[2] * shape[3]; }

// Calls visit(tap of the kernel, input position, output position) wherever they meet.
template <typename Visit>
void ForEachMeeting(const Window& w, const Shape& input, const Shape& output, const Visit& visit) {
  for (int64_t ky = 0; ky < w.kernel[0]; ++ky)
    for (int64_t kx = 0; kx < w.kernel[1]; ++kx)
      for (int64_t oy = 0; oy < output[2]; ++oy)
        for (int64_t ox = 0; ox < output[3]; ++ox) {
          const int64_t y = oy * w.stride[0] - w.pad_begin[0] + ky * w.dilation[0];
          const int64_t x = ox * w.stride[1] - w.pad_begin[1] + kx * w.dilation[1];
          if (y >= 0 && y < input[2] && x >= 0 && x < input[3])
            visit(ky * w.kernel[1] + kx, y * input[3] + x, oy * output[3] + ox);
        }
}

// As a convolution: one vector holds the whole map.
double ConvCycles(const Node& node, const KernelTable& kernels) {
  const Window& w = node.window;
  ConvShape shape{1,
                  1,
                  {w.kernel[0], w.kernel[1]},
                  {w.stride[0], w.stride[1]},
                  {w.dilation[0], w.dilation[1]},
                  node.in_channels,
                  0,
                  node.out_channels,
                  1,
                  kernels.lanes,
                  {},
                  node.groups};
  ChooseWidths(shape, MatrixOf(node), kernels);
  return TileCycles(shape, RankTiles(shape, kernels).front());
}

bool IsFasterUnrolled(const Step& step, const Shape& input, const Shape& output,
                      const KernelTable& kernels) {
  if (step.op != Op::kConv || step.other >= 0 || Area(output) > kernels.lanes) return false;
  const Node& node = *step.node;
  if (Area(input) > kMostCells / Area(output) / node.in_channels / node.out_channels) return false;
  return SliceCycles(Unroll(node, input, output).matrix, kernels) < ConvCycles(node, kernels);
}

}  // namespace

std::vector<bool> ChooseUnrolled(const std::vector<Step>& steps, const std::vector<Shape>& shapes,
                                 const Mode& mode, const KernelTable& kernels) {
  std::vector<bool> unrolled;
  for (const Step& step : steps)
    unrolled.push_back(!mode.images_in_lanes &&
                       IsFasterUnrolled(step, shapes[step.input], shapes[step.output], kernels));
  return unrolled;
}

// Rows are ordered by position, so that channels pruned alike stay neighbours.
VectorLayer Unroll(const Node& node, const Shape& input, const Shape& output) {
  const int64_t positions = Area(output), inputs = Area(input), channels = node.out_channels;
  const int64_t taps = node.window.kernel[0] * node.window.kernel[1];
  const WeightMatrix kernel = MatrixOf(node);
  const std::vector<float> bias = BiasOf(node);
  VectorLayer layer{{{}, positions * channels, inputs * node.in_channels}, {}, {}};
  WeightMatrix& matrix = layer.matrix;
  matrix.values.resize(static_cast<size_t>(matrix.rows * matrix.taps));
  for (int64_t position = 0; position < positions; ++position)
    for (int64_t channel = 0; channel < channels; ++channel) {
      layer.bias.push_back(bias[channel]);
      layer.places.push_back(static_cast<int32_t>(channel * positions + position));
    }
  const int64_t seen = node.in_channels / node.groups;
  const auto add = [&](int64_t tap, int64_t from, int64_t to) {
    for (int64_t channel = 0; channel < channels; ++channel) {
      const float* weights = kernel.row(channel) + tap;
      float* row = &matrix.values[(to * channels + channel) * matrix.taps];
      const int64_t first = kernel.first_tap(channel) / taps;
      for (int64_t c = 0; c < seen; ++c) row[(first + c) * inputs + from] = weights[c * taps];
    }
  };
  ForEachMeeting(node.window, input, output, add);
  return layer;
}

}  // namespace sparseprune
