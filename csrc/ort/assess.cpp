#include "ort/assess.h"

#include <algorithm>

#include "ort/extents.h"
#include "ort/refusal.h"

namespace sparseprune::ort {
namespace {

constexpr char kInside[] = "transposes between layers that are run here";
constexpr char kUnread[] = "nothing reads its output";

// A map may leave as N x H x W x C, but nothing here can read it so.
void SettleEnds(std::vector<Vertex>& graph) {
  for (const Vertex& vertex : graph)
    for (int p : vertex.producers)
      if (vertex.supported() && graph[p].end == Transpose::kToChannelsLast)
        graph[p].refusal = kInside;
}

// A subgraph with no output cannot be fused. ONNX Runtime does not always drop what nothing reads.
void LeaveUnread(const SourceGraph& source, std::vector<Vertex>& graph) {
  std::vector<bool> read(source.values.size());
  for (size_t v = 0; v < source.values.size(); ++v) read[v] = source.values[v].leaves;
  for (const SourceNode& node : source.nodes)
    for (const std::vector<int>* values : {&node.inputs, &node.implicit})
      for (int value : *values)
        if (value != kAbsent) read[value] = true;
  for (size_t v = 0; v < graph.size(); ++v)
    if (graph[v].supported() && !read[source.nodes[v].outputs[0]]) graph[v].refusal = kUnread;
}

class Assessor {
 public:
  Assessor(const SourceGraph& source, int lanes)
      : source_(source),
        shapes_(source),
        costs_(source, lanes),
        makers_(source.values.size(), kAbsent) {}

  // `earlier`: the vertices of all nodes before this one.
  Vertex Take(const SourceNode& node, const std::vector<Vertex>& earlier) {
    Vertex vertex;
    Connect(node.inputs, vertex);
    Connect(node.implicit, vertex);
    try {
      Describe(Understand(source_, node), earlier, vertex);
    } catch (const Refusal& refusal) {
      vertex.refusal = refusal.reason;
    }
    for (int output : node.outputs)
      if (output != kAbsent) makers_[output] = static_cast<int>(earlier.size());
    if (!node.outputs.empty() && node.outputs[0] != kAbsent)
      vertex.border = costs_.BorderCycles(node.outputs[0]);
    return vertex;
  }

 private:
  void Connect(const std::vector<int>& values, Vertex& vertex) const {
    for (int value : values)
      if (value != kAbsent && makers_[value] != kAbsent) vertex.producers.push_back(makers_[value]);
  }

  void Describe(const Layer& layer, const std::vector<Vertex>& earlier, Vertex& vertex) {
    vertex.end = layer.transpose;
    if (layer.transpose == Transpose::kFromChannelsLast)
      for (int p : vertex.producers) Require(!earlier[p].supported(), kInside);
    if (layer.inputs.size() > 1)
      Require(shapes_.Agree(layer), "its inputs are not known to have equal shapes");
    shapes_.Record(layer);
    vertex.weighted = layer.weighted();
    vertex.compact = layer.encoding.has_value();
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

std::vector<Vertex> Assess(const SourceGraph& source, int lanes) {
  Assessor assessor(source, lanes);
  std::vector<Vertex> graph;
  for (const SourceNode& node : source.nodes) graph.push_back(assessor.Take(node, graph));
  LeaveUnread(source, graph);
  SettleEnds(graph);
  return graph;
}

}  // namespace sparseprune::ort
