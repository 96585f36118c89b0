#include "ort/explain.h"

#include <fstream>
#include <limits>

#include "ort/json.h"

namespace sparseprune::ort {
namespace {

void Append(const std::string& path, const std::string& lines) {
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file << lines << std::flush;
  if (!file)
    throw Error(abi::ErrorCode::kFail, "sparseprune: cannot write explanations to '" + path + "'");
}

std::string Line(const SourceNode& node, const Vertex& vertex, int64_t region,
                 const std::string& refusal) {
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  Json line;
  line.Add("event", "node").Add("name", node.title).Add("op", node.op).Add("region", region);
  line.Add("reason", refusal).Add("sparsity", vertex.weighted ? vertex.sparsity : unknown);
  line.Add("ours", vertex.supported() ? vertex.cost.ours : unknown);
  line.Add("theirs", vertex.supported() ? vertex.cost.theirs : unknown);
  return line.Text() + "\n";
}

}  // namespace

void AppendDecisions(const std::string& path, const SourceGraph& source,
                     const std::vector<Vertex>& graph, const Partition& partition) {
  std::vector<int64_t> region_of(graph.size(), -1);
  std::string lines;
  for (size_t r = 0; r < partition.regions.size(); ++r) {
    const Region& region = partition.regions[r];
    for (int v : region.members) region_of[v] = static_cast<int64_t>(r);
    Json line;
    line.Add("event", "region").Add("region", static_cast<int64_t>(r));
    lines += line.Add("ours", region.ours).Add("theirs", region.theirs).Text() + "\n";
  }
  for (size_t v = 0; v < graph.size(); ++v)
    lines += Line(source.nodes[v], graph[v], region_of[v], partition.refusals[v]);
  Append(path, lines);
}

}  // namespace sparseprune::ort
