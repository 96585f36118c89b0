// What a node may cost here and with the CPU provider, well enough to choose between the two.
//
// In cycles of one thread. Both sides are held against the same peak of multiply-adds, so their
// ratio hardly depends on the CPU. Constants were measured or fitted, as cost.cpp says, on a CPU
// with AVX-512 and one load per cycle.
#pragma once

#include "ort/layer.h"

namespace sparseprune::ort {

struct Cost {
  double ours = 0, theirs = 0;
};

class CostModel {
 public:
  // `lanes`: floats in one of our vectors.
  CostModel(const SourceGraph& graph, int lanes);

  // Layers must come in topological order; `sparsity` is that of a weighted layer.
  Cost Estimate(const Layer& layer, double sparsity);
  // Taking a value over from the CPU provider, or handing it back.
  double BorderCycles(int value);

 private:
  // How a map lies in the lanes: slots computed per position, and the tile each lane owns.
  struct Spread {
    double filling;
    int64_t rows, cols;
  };

  // With a stand-in for each extent that is not known.
  const Shape& SizeOf(int value);
  double Floats(int value);
  Shape Infer(const Layer& layer);
  Cost EstimateConv(const Layer& layer, double kept);
  Cost EstimateLinear(const Layer& layer, double kept);
  double DenseDepthwise(const Layer& layer, const Shape& map);
  Spread SpreadOf(const Shape& map) const;
  double OverheadOf(const Layer& layer, const Shape& map, const Spread& spread) const;

  const SourceGraph& graph_;
  const double lanes_;
  std::vector<Shape> sizes_;  // empty: not asked for yet
};

}  // namespace sparseprune::ort
