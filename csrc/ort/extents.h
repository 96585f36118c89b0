// Sizes of axes that may be unknown until run time, in a form that shows when two are equal.
//
// An extent is base + offset. A base is a number's zero, a name from the model, or what a strided
// window makes of another extent: floor((base + remainder) / stride). Extents that compare equal
// are equal whatever the input is; the converse does not hold, and need not.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "ort/layer.h"

namespace sparseprune::ort {

struct Extent {
  int base;  // kNumber: the extent is `offset`
  int64_t offset;

  bool operator==(const Extent& other) const {
    return base == other.base && offset == other.offset;
  }
};

class ExtentTable {
 public:
  static constexpr int kNumber = -1;

  static Extent Number(int64_t value) { return {kNumber, value}; }
  Extent Named(const std::string& symbol);
  Extent Unknown() { return {next_++, 0}; }
  // (input + padding - reach) / stride + 1, as a window makes it.
  Extent Slide(const Extent& input, const Window& window, int axis);

 private:
  int next_ = 0;
  std::map<std::string, int> names_;
  std::map<std::tuple<int, int64_t, int64_t>, int> quotients_;  // of (base, remainder, stride)
};

using ExtentShape = std::vector<Extent>;

// Shapes of a graph's values as far as the model and our own layers tell them.
class ShapeTable {
 public:
  explicit ShapeTable(const SourceGraph& graph)
      : graph_(graph), shapes_(graph.values.size()), known_(graph.values.size()) {}

  // Layers must come in topological order.
  void Record(const Layer& layer);
  // Are the inputs equal in shape but for the axis a concatenation joins, and the maps of one
  // position that a product multiplies channels by? ONNX would broadcast more; the engine does not.
  bool Agree(const Layer& layer);

 private:
  const ExtentShape& Of(int value);
  // The input of a product whose shape it has; kAbsent where they do not agree.
  int Multiplied(const Layer& layer);
  Extent JoinedChannels(const Layer& layer);
  ExtentShape Infer(const Layer& layer);

  const SourceGraph& graph_;
  ExtentTable extents_;
  std::vector<ExtentShape> shapes_;
  std::vector<bool> known_;
};

}  // namespace sparseprune::ort
