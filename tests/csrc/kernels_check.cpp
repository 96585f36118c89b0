// Every convolution kernel of every instruction set against plain loops. Small integers: float32
// sums are exact, so results are equal. Every buffer has exactly the size promised, for the
// sanitizers. Run under emulation too.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/isa.h"
#include "engine/pack.h"
#include "engine/program.h"

using namespace sparseprune;

namespace {

std::mt19937 generator(7);

int Draw(int least, int most) { return std::uniform_int_distribution<int>(least, most)(generator); }

std::vector<float> Integers(size_t count, int keep_percent = 100) {
  std::vector<float> values(count);
  for (float& v : values) v = Draw(1, 100) <= keep_percent ? static_cast<float>(Draw(-3, 3)) : 0;
  return values;
}

void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

// Vectors, aligned as the engine aligns them and not one float longer than asked for.
class Vectors {
 public:
  Vectors(int64_t count, int lanes) : lanes_(lanes), size_(count * lanes) {
    data_ = static_cast<float*>(::operator new(size_ * sizeof(float), std::align_val_t(64)));
    const std::vector<float> values = Integers(static_cast<size_t>(size_));
    for (int64_t i = 0; i < size_; ++i) data_[i] = values[i];
  }
  ~Vectors() { ::operator delete(data_, std::align_val_t(64)); }
  Vectors(const Vectors&) = delete;
  char* bytes() const { return reinterpret_cast<char*>(data_); }
  float at(int64_t vector, int lane) const { return data_[vector * lanes_ + lane]; }

 private:
  int lanes_;
  int64_t size_;
  float* data_;
};

// One kernel: 16 output channels of `rows` x `cols` vectors from 3 channels seen through 2 x 2
// taps.
void CheckKernel(const KernelTable& kernels, int block, int64_t stride, int64_t rows,
                 int64_t cols) {
  const ConvKernel kernel = kernels.conv(block, stride, rows, cols);
  const ConvKernel single = kernels.conv(1, stride, rows, cols);
  Expect(single != nullptr, "no kernel for single rows beside one for blocks");
  const int lanes = kernels.lanes;
  const int64_t bytes = 4 * lanes, channels = 16, pitch = (cols - 1) * stride + 2,
                plane = ((rows - 1) * stride + 2) * pitch;
  const Vectors input(3 * plane, lanes), residual(channels * rows * cols, lanes);
  const Vectors output(channels * rows * cols, lanes);
  std::vector<float> weight = Integers(channels * 12, 60);
  for (size_t i = 0; i < weight.size() / 2; ++i) weight[i] += 4;  // rows in full blocks
  const std::vector<float> bias = Integers(channels);
  std::vector<int64_t> offsets;
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t tap : {int64_t{0}, int64_t{1}, pitch, pitch + 1})
      offsets.push_back(c * plane + tap);
  const WeightMatrix matrix{weight, channels, 12};
  ConvTile tile{};
  tile.input_row_bytes = stride * pitch * bytes;
  tile.input_col_vectors = stride;
  tile.prefetch = true;
  tile.output = output.bytes();
  tile.output_row_bytes = tile.residual_row_bytes = cols * bytes;
  tile.output_channel_bytes = tile.residual_channel_bytes = rows * cols * bytes;
  tile.residual = residual.bytes();
  tile.activation = Activation::kRelu;
  for (const Segment& s :
       Pack(matrix, offsets, SplitTaps(offsets, 5), 0, channels, Blocking{{block}})) {
    tile.packed = s.View(bias.data());
    tile.input = input.bytes() + s.base * bytes;
    (s.block_rows == 1 ? single : kernel)(tile);
  }
  for (int64_t o = 0; o < channels; ++o)
    for (int64_t y = 0; y < rows; ++y)
      for (int64_t x = 0; x < cols; ++x)
        for (int lane = 0; lane < lanes; ++lane) {
          const int64_t at = (o * rows + y) * cols + x;
          float sum = bias[o] + residual.at(at, lane);
          for (int64_t t = 0; t < 12; ++t)
            sum += matrix.row(o)[t] * input.at(offsets[t] + stride * (y * pitch + x), lane);
          Expect(output.at(at, lane) == (sum < 0 ? 0 : sum), "a convolution kernel is wrong");
        }
}

int CheckKernels(const KernelTable& kernels) {
  int checked = 0;
  for (int block : {1, 2, 4, 8})
    for (int64_t stride : {1, 2, 3})
      for (int64_t rows = 1; rows <= 16; ++rows)
        for (int64_t cols = 1; cols <= 16; ++cols)
          if (kernels.conv(block, stride, rows, cols) != nullptr) {
            CheckKernel(kernels, block, stride, rows, cols);
            ++checked;
          }
  return checked;
}

// Extents whose products overflow 64 bits must be refused, not computed with.
void CheckHugeHalo() {
  const int64_t far = int64_t{1} << 30;
  Node conv{};
  conv.op = Op::kConv;
  conv.inputs = {0};
  conv.output = 1;
  conv.window = {{1, 1}, {far, far}, {1, 1}, {far, far}, {far, far}};
  conv.out_channels = conv.in_channels = 1;
  conv.weight = std::vector<float>{1};
  Node mean{};
  mean.op = Op::kGlobalAveragePool;
  mean.inputs = {1};
  mean.output = 2;
  Graph graph;
  graph.nodes = {conv, mean};
  graph.value_count = 3;
  graph.inputs = {0};
  graph.outputs = {2};
  const Program program(graph, "baseline");
  const float input = 1;
  float output = 0;
  Serial serial;
  try {
    program.Run({{&input, {1, 1, 1, 1}}}, [&](size_t, const Shape&) { return &output; }, serial);
  } catch (const InvalidGraph&) {
    return;
  }
  throw std::runtime_error("a halo beyond the address space was accepted");
}

}  // namespace

int main() {
  try {
    for (const std::string& isa : AvailableIsas())
      std::printf("%s %d kernels\n", isa.c_str(), CheckKernels(FindKernels(isa)));
    CheckHugeHalo();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
