// The compact form: four operators of our own, whose weights are stored by their kept entries.
//
//   SparseConv    X, values, steps,   bias -> Conv(X, W, bias)
//   BitmaskConv   X, values, bitmask, bias -> the same
//   SparseLinear  X, values, steps,   bias -> MatMul(X, transpose(W)) + bias; X of rank 2 or more
//   BitmaskLinear X, values, bitmask, bias -> the same
//
// All but X are constants, bias is float32 [O]; encoding.h says what the others hold. Attributes,
// all of them there: weight_shape ([O, I/group, ...] or [O, I]); of convolutions also strides,
// pads, dilations and group.
#pragma once

#include "ort/layer.h"

namespace sparseprune::ort {

constexpr char kCompactDomain[] = "sparseprune";

struct CompactOperator {
  const char* name;
  Op op;
  Encoding::Positions positions;
};

constexpr CompactOperator kCompactOperators[] = {
    {"SparseConv", Op::kConv, Encoding::Positions::kSteps},
    {"BitmaskConv", Op::kConv, Encoding::Positions::kBitmask},
    {"SparseLinear", Op::kLinear, Encoding::Positions::kSteps},
    {"BitmaskLinear", Op::kLinear, Encoding::Positions::kBitmask},
};

// As far as the node has them.
struct CompactAttributes {
  std::optional<Shape> weight_shape, strides, pads, dilations;
  std::optional<int64_t> group;
};

struct CompactConstants {
  Tensor values, positions, bias;
};

// The layer, less its inputs and its output. A signal, N x C x L, is a map of height 1 to it.
// Throws Refusal for all that is wrong but for the positions of weights, which Decode checks.
Layer MakeCompactLayer(const CompactOperator& kind, const CompactAttributes& attributes,
                       const CompactConstants& constants);

// nullptr if it is none of them.
const CompactOperator* FindCompactOperator(const std::string& domain, const std::string& name);

}  // namespace sparseprune::ort
