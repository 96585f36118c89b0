#include "ort/assess.h"

#include <algorithm>

#include "engine/isa.h"
#include "ort/extents.h"

namespace sparseprune::ort {
namespace {

class Assessor {
 public:
  explicit Assessor(const SourceGraph& source)
      : source_(source),
        shapes_(source),
        costs_(source, LanesOf("")),
        makers_(source.values.size(), kAbsent) {}

  Vertex Take(const SourceNode& node, int index) {
    Vertex vertex;
    Connect(node.inputs, vertex);
    Connect(node.implicit, vertex);
    try {
      Describe(Understand(source_, node), vertex);
    } catch (const Refusal& refusal) {
      vertex.refusal = refusal.reason;
    }
    for (int output : node.outputs)
      if (output != kAbsent) makers_[output] = index;
    if (!node.outputs.empty() && node.outputs[0] != kAbsent)
      vertex.border = costs_.BorderCycles(node.outputs[0]);
    return vertex;
  }

 private:
  void Connect(const std::vector<int>& values, Vertex& vertex) const {
    for (int value : values)
      if (value != kAbsent && makers_[value] != kAbsent) vertex.producers.push_back(makers_[value]);
  }

  void Describe(const Layer& layer, Vertex& vertex) {
    if (layer.inputs.size() > 1)
      Require(shapes_.Agree(layer), "its inputs are not known to have equal shapes");
    shapes_.Record(layer);
    vertex.weighted = layer.weighted();
    if (vertex.weighted) vertex.sparsity = Sparsity(layer);
    vertex.cost = costs_.Estimate(layer, vertex.sparsity);
    for (int input : layer.inputs)
      if (makers_[input] == kAbsent) vertex.outside += costs_.BorderCycles(input);
  }

  const SourceGraph& source_;
  ShapeTable shapes_;
  CostModel costs_;
  std::vector<int> makers_;  // of each value
};

}  // namespace

std::vector<Vertex> Assess(const SourceGraph& source) {
  Assessor assessor(source);
  std::vector<Vertex> graph;
  for (const SourceNode& node : source.nodes)
    graph.push_back(assessor.Take(node, static_cast<int>(graph.size())));
  return graph;
}

}  // namespace sparseprune::ort
