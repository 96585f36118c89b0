// What one instruction set offers to the engine: plain functions on raw memory, no checks.
//
// A "vector" is `lanes` consecutive floats, aligned to its size. Strides named *_bytes are in
// bytes, all others in vectors. Kernels never allocate, never throw and keep no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/activation.h"

namespace sparseprune {

// Row words of packed weights: output channel * 4 + these bits.
constexpr uint32_t kFirstPart = 1;  // start from bias and residual, not from what the output holds
constexpr uint32_t kLastPart = 2;   // finish with activation and mask

// One packed piece of a weight matrix: groups of rows with the taps they share (engine/pack.h).
struct PackedRows {
  const uint16_t* offsets;  // per tap: where its input lies, counted from the segment's base
  const float* weights;     // per tap: one for each row of its group
  const int32_t* counts;    // per group: its taps
  const uint32_t* rows;     // per group: one row word for each of its rows
  int64_t groups;
  const float* bias;  // per output channel
};

// A rectangle of output vectors, seen by every output channel.
struct ConvTile {
  PackedRows packed;
  const char* input;  // the segment's base for the first output vector
  int64_t input_row_bytes, input_col_vectors;
  char* output;
  int64_t output_row_bytes, output_channel_bytes;
  const char* residual;  // null: none
  int64_t residual_row_bytes, residual_channel_bytes;
  const char* mask;  // null: every lane is inside the image
  int64_t mask_row_bytes;
  Activation activation;  // a clamp
  bool prefetch;          // the outputs and residuals of rows to come
};
using ConvKernel = void (*)(const ConvTile&);

// Rows of a matrix in slices of `height` vectors of rows (engine/sliced_rows.h).
//   kRows: one row and one weight a step, without lanes.
//   kPanels: consecutive rows; a step is one column of them.
//   kWindows: a lane holds `height` consecutive rows; a step is kWindowSlots columns for each lane,
//     all from one window of inputs.
enum class SliceKind { kRows, kPanels, kWindows };
struct SliceFormat {
  SliceKind kind;
  int height;
};
struct PackedSlices {
  const int32_t* steps;  // per slice
  const int32_t* first;  // per step: the first input of its window, or its column
  const uint8_t* index;  // kWindows, per slot and lane: its input, counted from the window's first
  const float* weights;  // per slot: `height` vectors, zero where none is kept
  const uint16_t* kept;  // per vector of weights: bit l is set where lane l holds one
  const int32_t* rows;   // per slice: `height` vectors; past the last row where there is none
  const float* bias;     // as the rows
  int64_t slices;
};
constexpr int kWindowSlots = 4;

// y = W x + b for a few vectors x.
struct GemvTask {
  PackedSlices packed;
  const float* const* inputs;  // per vector
  float* const* outputs;
  int64_t in_features, out_features;
  Activation activation;
  Line line;
};
using GemvKernel = void (*)(const GemvTask&);

// Channels of vectors, for the kernels below.
struct Region {
  int64_t channels, rows, cols;  // in vectors
};
struct MapView {
  char* data;
  int64_t channel_stride, row_stride;
};
struct ConstMapView {
  const char* data;
  int64_t channel_stride, row_stride;
};

struct PoolTask {
  Region region;
  ConstMapView input;  // at the first tap of the first window
  MapView output;
  const char* mask;      // max: null or rows x cols vectors
  const float* factors;  // average: rows x cols vectors, 1 / window size; 0 outside the map
  int64_t kernel[2], stride[2];
};

struct AverageTask {
  Region region;
  ConstMapView input;
  char* output;
  int64_t output_channel_stride;  // unused with sum_lanes
  float area;
  bool sum_lanes;  // one float per channel; else one vector per channel
};

// What a map is joined with.
enum class Join : int32_t {
  kNone,
  kSum,
  kProduct,
  kVectors,  // product with one vector per channel
  kFloats    // ... with one float per channel, for all lanes
};

// output = activation(scale (a join b) + shift); `output` may be `a`.
struct ElementwiseTask {
  Region region;
  Join join;
  ConstMapView a, b;           // kFloats: b.data holds floats, side by side
  const float *scale, *shift;  // per channel; null: none
  MapView output;
  const char* mask;  // null or rows of vectors
  int64_t mask_row_stride;
  Activation activation;
  Line line;
};

// The same for plain arrays, with a channel per value: joined by nothing, a sum or a product.
struct ElementwiseFlatTask {
  int64_t count;
  Join join;
  const float *a, *b, *scale, *shift;
  float* output;
  Activation activation;
  Line line;
};

// Where runs of consecutive floats, one per lane, lie beside the vectors that interleave them:
// column k of the lanes' runs is one vector, to[k].
struct LaneRuns {
  int64_t channels, rows, columns;     // each row of each channel has one run per lane
  int64_t channel_floats, row_floats;  // from one run of a lane to the next
  const int64_t* lane_floats;          // per lane: its first run
  int64_t channel_vectors, row_vectors;
  const int32_t* to;
  const int32_t* masks;       // per `lanes` columns: which of `valid`; negative: all inside the map
  const uint32_t* valid;      // `lanes` words each, bit k of lane l: its column k is inside
  const uint32_t* row_lanes;  // per row: the lanes that have a run there
  uint32_t live;              // lanes that take part at all
};
struct InterleaveTask {
  LaneRuns runs;
  const float* input;
  char* output;
  float fill;  // outside the map
};
// Writes what is inside the map.
struct DeinterleaveTask {
  LaneRuns runs;
  const char* input;
  float* output;
};

// output floats from to[v] on = parts of input vectors, for every channel; `fill` elsewhere.
struct MergePart {
  int32_t from, order;  // in floats; which of `orders`
};
struct MergeTask {
  int64_t channels, count;
  const float* input;
  float* output;
  int64_t input_channel_floats, output_channel_floats;
  const int32_t* to;
  const int32_t* first;  // per output vector its first part, and the end
  const MergePart* parts;
  const int32_t* orders;  // each: lanes indices, then lanes masks (0 or -1)
  float fill;
};

// output vector to[v] = lanes of input vector from[v] in the order of permutation[v]
// (negative: a vector of `fill`), for every channel; lanes the permutation masks become zero.
struct ShuffleTask {
  int64_t channels, count;
  const char* input;
  char* output;
  int64_t input_channel_stride, output_channel_stride;
  const int32_t *from, *to, *permutation;
  const int32_t* permutations;  // per permutation: lanes indices, then lanes masks (0 or -1)
  float fill;
};

// Over the channels, for each row: images in lanes, groups of them in rows.
struct SoftmaxTask {
  int64_t channels, rows;
  const char* input;
  char* output;
  int64_t input_channel_stride, output_channel_stride;
};

// output vector to[v] = input floats at index[v * lanes ...] (negative: zero), for every channel.
struct PickTask {
  int64_t channels, count;
  const float* input;
  int64_t input_channel_floats;
  const int32_t* index;
  char* output;
  int64_t output_channel_stride;
  const int32_t* to;
};

// output vector to[v] = the sum of four input values with four weights, for every channel.
struct BlendTask {
  int64_t channels, count;
  const float* input;
  int64_t input_channel_floats;
  const int32_t* from;   // four per vector; for blend_gathered, four times `lanes`
  const float* weights;  // as many
  char* output;
  int64_t output_channel_stride;
  const int32_t* to;
  const char* mask;  // of blend alone: null or `count` vectors
};

// Positions that a bound on their products may exclude together. Measured on the contributions of
// a ResNet-50: of tiles of 4 x 32 entries 9 in 100 need a closer look with 8, 20 with 16, 40 with
// 32, and a bound costs as much as one position.
constexpr int64_t kTermRun = 16;

// result[r][c] = the larger of it and the largest f * b[p][c] over p, where f is a[p][r] where
// weights[r][c] is positive, else a[p][rows + r]; a, b and result are not negative.
struct LargestProductTask {
  int64_t positions, rows, cols;
  const float* a;          // positions x 2 rows
  const float* largest_a;  // the largest of each run of kTermRun positions, runs x 2 rows
  const float* b;          // positions x cols
  const float* weights;    // rows x cols
  float* result;           // rows x cols
};

// result[r][c] = the larger of it and, for each input, the mean over its positions p of b[p][c] /
// t, where t is totals[p][r] where weights[r][c] is positive, else totals[p][rows + r]; a quotient
// by a t of at most `nothing` is 0.
struct LargestMeanTask {
  int64_t inputs, positions, rows, cols;  // positions of each input
  const float* totals;                    // inputs x positions x 2 rows, >= 0
  float nothing;
  const float* b;        // inputs x positions x cols
  const float* weights;  // rows x cols
  float* result;         // rows x cols
  float* line;           // room for 2 rows + 1
  float* factors;        // room for inputs x positions x 4 pairs of rows
  float* panel;          // room for kMeanBlock x kMostMeanCols vectors
  float* sums;           // room for rows x kMostMeanCols vectors
};
// So many positions of a tile's columns stay in the first-level cache for all rows: 16 KB of the
// longest vectors. No power of two, which would put the factors of all rows into the same lines.
constexpr int64_t kMeanBlock = 60;
constexpr int kMostMeanCols = 4;

struct KernelTable {
  const char* name;
  int lanes;
  bool (*supported)();
  // The kernel for groups of `block_rows` rows and a tile of rows x cols output vectors whose
  // input columns lie `stride` vectors apart; null when there is none.
  ConvKernel (*conv)(int block_rows, int64_t stride, int64_t rows, int64_t cols);
  int window;  // inputs in a window of gemv
  // The kernel for `vectors` vectors at once; null when there is none. Every count below one that
  // has a kernel has one too.
  GemvKernel (*gemv)(SliceFormat format, int vectors);
  void (*max_pool)(const PoolTask&);
  void (*average)(const AverageTask&);
  void (*elementwise)(const ElementwiseTask&);
  void (*elementwise_flat)(const ElementwiseFlatTask&);
  void (*interleave)(const InterleaveTask&);
  void (*deinterleave)(const DeinterleaveTask&);
  void (*merge)(const MergeTask&);
  void (*shuffle)(const ShuffleTask&);
  void (*average_pool)(const PoolTask&);
  void (*softmax)(const SoftmaxTask&);
  void (*softmax_flat)(const float* input, int64_t count, float* output);
  void (*blend)(const BlendTask&);           // `from`: in vectors, one for all lanes
  void (*blend_gathered)(const BlendTask&);  // `from`: in floats, one per lane; negative: zero
  void (*pick)(const PickTask&);
  // `passes` times over `vectors` vectors at `data`; writes 8 vectors to `sums`.
  void (*probe)(const char* data, int64_t vectors, int64_t passes, char* sums);
  void (*largest_product)(const LargestProductTask&);
  void (*largest_mean)(const LargestMeanTask&);
};

// Of the instruction sets this CPU can run, best first; the baseline is always among them.
std::vector<const KernelTable*> AvailableKernels();

}  // namespace sparseprune
