// What was decided and planned, as lines of JSON in a file: what `sparseprune explain` shows.
#pragma once

#include "engine/describe.h"
#include "ort/partition.h"

namespace sparseprune::ort {

// Throws Error if the file cannot be written. ONNX Runtime passes over what GetCapability throws,
// so this is asked before.
void CheckExplanations(const std::string& path);

// Appends {"event": "graph"}, then, in execution order, one line per node:
//   {"event": "node", "name", "op", "region" (-1: the CPU provider's), "reason", "sparsity" (of
//    layers), "ours", "theirs" (estimated cycles; null where unknown)}
// and one per region: {"event": "region", "region", "ours", "theirs"}, borders included. A graph
// whose functions ONNX Runtime inlines is shown again, and what was said of it before is void.
// Throws Error if the file cannot be written.
void AppendDecisions(const std::string& path, const SourceGraph& source,
                     const std::vector<Vertex>& graph, const Partition& partition);

// Appends one line per step of a plan: {"event": "layer", "isa", "name", "op", "shape", "images",
// "density", "block_rows", "blocked", "bounds": [{"resource", "cycles"}], "tiles": [{"rows",
// "cols", "channels", "cycles"}], "tuned"}, as LayerReport has it.
void AppendPlan(const std::string& path, const char* isa, const std::vector<LayerReport>& plan);

}  // namespace sparseprune::ort
