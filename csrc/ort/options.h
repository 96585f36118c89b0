// What a session can ask of the provider, under keys "ep.sparsepruneexecutionprovider.<name>".
#pragma once

#include <limits>
#include <optional>
#include <string>

#include "ort/api.h"

namespace sparseprune::ort {

struct Options {
  // Set: a subgraph is claimed if one of its weights has at least this fraction of zeros. Not set:
  // if the cost model expects it to run faster here than by the CPU provider (cost.h).
  std::optional<double> min_sparsity;
  // The session's intra-op threads, where they are known; ONNX Runtime does not tell.
  size_t threads = 0;
  // A file to which decisions and plans are appended as lines of JSON (explain.h); empty: none.
  std::string explain;
  // Time to spend on tuning, per new input shape that runs; the run that brings it waits as long.
  double tune_seconds = 0;
  // A run that has tuned this long ends with the error "sparseprune: tuning goes on", and the next
  // one goes on from there: for callers that cannot be interrupted inside a run. Not set: never.
  double tune_slice = std::numeric_limits<double>::infinity();
  // A tuning that goes before all others; also written after tuning. Empty: none.
  std::string tuning_file;
  // tuning_cache: "on", "off", or "refresh", which writes the user's cache without having read it.
  bool read_tuning_cache = true, write_tuning_cache = true;
};

// Throws Error naming the option, what was expected and what came.
Options ReadOptions(const Api& api, const abi::SessionOptions* session);

}  // namespace sparseprune::ort
