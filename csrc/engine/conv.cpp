#include "engine/conv.h"

#include <algorithm>

#include "engine/arithmetic.h"
#include "engine/conv_parts.h"

namespace sparseprune {
namespace {

// Enough tasks to share a layer whose map is one or two tiles.
constexpr int64_t kTasks = 8;

// Without halos and with a 1 x 1 kernel a channel is one long row.
bool IsOneRow(const ConvPlaces& p) {
  const Window& w = p.window;
  const bool plain = w.kernel[0] * w.kernel[1] == 1 && w.stride[0] == 1 && w.stride[1] == 1;
  const bool bare = p.input.RowStride() == p.output.tile_w && !p.output.halo.left &&
                    !p.output.halo.right && p.input.RowStride() == p.input.tile_w;
  return plain && bare && (!p.has_residual || p.residual.RowStride() == p.output.tile_w);
}

ConvShape ShapeOf(const Step& step, const ConvPlaces& p) {
  const Node& node = *step.node;
  const Window& w = p.window;
  const bool one_row = IsOneRow(p);
  return {one_row ? 1 : p.output.tile_h,
          one_row ? p.output.tile_h * p.output.tile_w : p.output.tile_w,
          {w.kernel[0], w.kernel[1]},
          {w.stride[0], w.stride[1]},
          {w.dilation[0], w.dilation[1]},
          node.in_channels,
          0,
          node.out_channels,
          1,
          static_cast<int>(p.output.lanes),
          {},
          node.groups};
}

int WidthIndex(int block_rows) {
  return block_rows == 1 ? 0 : block_rows == 2 ? 1 : block_rows == 4 ? 2 : 3;
}

// Per tap, vectors from the tap of the first output vector's first window.
std::vector<int64_t> TapOffsets(const Node& node, const Layout& input) {
  const Window& w = node.window;
  std::vector<int64_t> offsets;
  for (int64_t c = 0; c < node.in_channels; ++c)
    for (int64_t ky = 0; ky < w.kernel[0]; ++ky)
      for (int64_t kx = 0; kx < w.kernel[1]; ++kx)
        offsets.push_back(c * input.ChannelStride() + ky * w.dilation[0] * input.RowStride() +
                          kx * w.dilation[1]);
  return offsets;
}

// As the tile has it, and enough that several tasks can share a layer of few tiles.
int64_t PartCount(const ConvShape& shape, const TileChoice& tile, int64_t pieces) {
  const int64_t work = shape.kept * shape.rows * shape.cols * shape.lanes;
  const int64_t shared =
      std::min({CeilDiv(kTasks, pieces), work / kTaskWork, shape.out_channels / 16});
  return std::max(shared, CeilDiv(shape.out_channels, tile.part_rows));
}

// [0, total) cut into pieces as equal as they can be, none above `most`.
std::vector<int64_t> Cuts(int64_t total, int64_t most) {
  const int64_t pieces = CeilDiv(total, most);
  std::vector<int64_t> cuts;
  for (int64_t i = 0; i <= pieces; ++i) cuts.push_back(i * total / pieces);
  return cuts;
}

class Conv final : public Operation {
 public:
  Conv(const KernelTable& kernels, const Tuning& tuning, const Step& step, const ConvPlaces& places)
      : places_(places),
        bias_(BiasOf(*step.node)),
        mask_(places.output.Mask()),
        activation_(step.activation),
        line_(step.line) {
    const WeightMatrix matrix = MatrixOf(*step.node);
    shape_ = ShapeOf(step, places);
    const Blocking blocking{ChooseWidths(shape_, matrix, kernels)};
    const ConvShape& shape = shape_;
    const TileChoice tile = ChooseTile(shape, kernels, tuning);
    AddPieces(kernels, places.window, shape, tile);
    work_ = shape.kept * shape.rows * shape.cols * shape.lanes;
    const std::vector<int64_t> offsets = TapOffsets(*step.node, places.input);
    const int64_t taps = step.node->window.kernel[0] * step.node->window.kernel[1];
    const std::vector<TapRange> ranges = SplitTaps(offsets, tile.block_channels * taps);
    const int64_t parts = PartCount(shape, tile, static_cast<int64_t>(pieces_.size()));
    rows_ = Parts(matrix, offsets, ranges, CutRows(matrix, parts), blocking,
                  tile.part_rows >= shape.out_channels);
    prefetch_ = tile.prefetch;
  }

  int64_t work() const override { return work_; }
  const ConvShape* conv_shape() const override { return &shape_; }

  void Run(const Frame& frame) const noexcept override {
    struct Context {
      const Conv* self;
      const Frame* frame;
    } context{this, &frame};
    if (work_ < kTaskWork || frame.parallel->width() == 1) {
      for (const Piece& piece : pieces_) RunPiece(frame, piece, rows_.whole());
      return;
    }
    const auto task = [](void* context, size_t i) {
      const Context& c = *static_cast<const Context*>(context);
      const std::vector<Part>& parts = c.self->rows_.parts();
      c.self->RunPiece(*c.frame, c.self->pieces_[i / parts.size()], parts[i % parts.size()]);
    };
    frame.parallel->For(pieces_.size() * rows_.parts().size(), task, &context);
  }

 private:
  // A rectangle of the output, with the kernels for blocks of 1, 2, 4 and 8 rows.
  struct Piece {
    int64_t input, output, residual, mask;  // vectors from each map's first
    int64_t rows, cols;
    ConvKernel kernels[4];
  };

  void AddPieces(const KernelTable& kernels, const Window& w, const ConvShape& shape,
                 const TileChoice& tile) {
    const std::vector<int64_t> down = Cuts(shape.rows, tile.rows);
    const std::vector<int64_t> across = Cuts(shape.cols, tile.cols);
    const int64_t first =
        places_.input.Origin() - w.pad_begin[0] * places_.input.RowStride() - w.pad_begin[1];
    for (size_t i = 0; i + 1 < down.size(); ++i)
      for (size_t j = 0; j + 1 < across.size(); ++j) {
        const int64_t y = down[i], x = across[j], rows = down[i + 1] - y, cols = across[j + 1] - x;
        pieces_.push_back(
            {first + y * shape.stride[0] * places_.input.RowStride() + x * shape.stride[1],
             places_.output.Origin() + y * places_.output.RowStride() + x,
             places_.residual.Origin() + y * places_.residual.RowStride() + x,
             y * places_.output.tile_w + x,
             rows,
             cols,
             {kernels.conv(1, shape.stride[1], rows, cols),
              kernels.conv(2, shape.stride[1], rows, cols),
              kernels.conv(4, shape.stride[1], rows, cols),
              kernels.conv(8, shape.stride[1], rows, cols)}});
      }
    activate_ = kernels.elementwise;
    input_row_ = shape.stride[0] * places_.input.RowStride();
  }

  void RunPiece(const Frame& frame, const Piece& piece, const Part& part) const {
    const int64_t bytes = VectorBytes(places_.output);
    const char* input = places_.from.At(frame) + piece.input * bytes;
    ConvTile tile{};
    tile.input_row_bytes = input_row_ * bytes;
    tile.input_col_vectors = shape_.stride[1];
    tile.output = frame.buffers[places_.buffer] + piece.output * bytes;
    tile.output_row_bytes = places_.output.RowStride() * bytes;
    tile.output_channel_bytes = places_.output.ChannelStride() * bytes;
    if (places_.has_residual) {
      tile.residual = places_.residual_from.At(frame) + piece.residual * bytes;
      tile.residual_row_bytes = places_.residual.RowStride() * bytes;
      tile.residual_channel_bytes = places_.residual.ChannelStride() * bytes;
    }
    if (!mask_.empty())
      tile.mask = reinterpret_cast<const char*>(mask_.data()) + piece.mask * bytes;
    tile.mask_row_bytes = places_.output.tile_w * bytes;
    tile.activation = IsClamp(activation_) ? activation_ : Activation::kNone;
    tile.prefetch = prefetch_;
    for (const Segment* segment : part.segments) {
      tile.packed = segment->View(bias_.data());
      tile.input = input + segment->base * bytes;
      piece.kernels[WidthIndex(segment->block_rows)](tile);
    }
    if (!IsClamp(activation_)) Activate(tile, piece, part);
  }

  // Too much code for every kernel: over the tile again, while it is in the cache.
  void Activate(const ConvTile& tile, const Piece& piece, const Part& part) const {
    ElementwiseTask task{};
    task.region = {part.rows, piece.rows, piece.cols};
    task.output = {tile.output + part.first * tile.output_channel_bytes,
                   places_.output.ChannelStride(), places_.output.RowStride()};
    task.a = {task.output.data, task.output.channel_stride, task.output.row_stride};
    task.mask = tile.mask;
    task.mask_row_stride = places_.output.tile_w;
    task.activation = activation_;
    task.line = line_;
    activate_(task);
  }

  const ConvPlaces places_;
  const std::vector<float> bias_;
  const std::vector<int32_t> mask_;
  const Activation activation_;
  const Line line_;
  ConvShape shape_;
  int64_t input_row_ = 0, work_ = 0;
  bool prefetch_ = false;
  void (*activate_)(const ElementwiseTask&) = nullptr;
  std::vector<Piece> pieces_;
  Parts rows_;
};

}  // namespace

std::vector<float> BiasOf(const Node& node) {
  if (!node.bias.empty()) return node.bias;
  return std::vector<float>(static_cast<size_t>(node.out_channels), 0.0f);
}

WeightMatrix MatrixOf(const Node& node) {
  return {node.weight.Dense(), node.out_channels,
          static_cast<int64_t>(node.weight.size()) / node.out_channels, node.groups};
}

OperationPtr MakeConv(const KernelTable& kernels, const Tuning& tuning, const Step& step,
                      const ConvPlaces& places) {
  return std::make_unique<Conv>(kernels, tuning, step, places);
}

}  // namespace sparseprune
