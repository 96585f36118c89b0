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

std::vector<Json> Listed(const std::vector<Bound>& bounds) {
  std::vector<Json> list;
  for (const Bound& bound : bounds) {
    list.emplace_back();
    list.back().Add("resource", bound.resource).Add("cycles", bound.cycles);
  }
  return list;
}

std::vector<Json> Listed(const std::vector<TileReport>& tiles) {
  std::vector<Json> list;
  for (const TileReport& report : tiles) {
    const TileChoice& tile = report.tile;
    list.emplace_back();
    list.back().Add("rows", tile.rows).Add("cols", tile.cols);
    list.back().Add("channels", tile.block_channels).Add("cycles", report.cycles);
  }
  return list;
}

}  // namespace

void CheckExplanations(const std::string& path) { Append(path, ""); }

void AppendDecisions(const std::string& path, const SourceGraph& source,
                     const std::vector<Vertex>& graph, const Partition& partition) {
  std::vector<int64_t> region_of(graph.size(), -1);
  std::string lines = Json().Add("event", "graph").Text() + "\n";
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

void AppendPlan(const std::string& path, const char* isa, const std::vector<LayerReport>& plan) {
  std::string lines;
  for (const LayerReport& layer : plan) {
    Json line;
    line.Add("event", "layer").Add("isa", isa).Add("name", layer.name).Add("op", layer.op);
    line.Add("shape", layer.output).Add("images", layer.images).Add("density", layer.density);
    line.Add("block_rows", int64_t{layer.block_rows}).Add("blocked", layer.blocked);
    line.Add("bounds", Listed(layer.bounds)).Add("tiles", Listed(layer.tiles));
    lines += line.Add("tuned", layer.tuned).Text() + "\n";
  }
  Append(path, lines);
}

}  // namespace sparseprune::ort
