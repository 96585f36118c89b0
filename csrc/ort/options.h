// What a session can ask of the provider, under keys "ep.sparsepruneexecutionprovider.<name>".
#pragma once

#include "ort/api.h"

namespace sparseprune::ort {

struct Options {
  // A subgraph is claimed if one of its weights has at least this fraction of zeros.
  double min_sparsity = 0.5;
  // The session's intra-op threads, where they are known; ONNX Runtime does not tell.
  size_t threads = 0;
  // Time to spend on tuning, per new input shape that runs; the run that brings it waits as long.
  double tune_seconds = 0;
  // A tuning that goes before all others; also written after tuning. Empty: none.
  std::string tuning_file;
  // tuning_cache: "on", "off", or "refresh", which writes the user's cache without having read it.
  bool read_tuning_cache = true, write_tuning_cache = true;
};

// Throws Error naming the option, what was expected and what came.
Options ReadOptions(const Api& api, const abi::SessionOptions* session);

}  // namespace sparseprune::ort
