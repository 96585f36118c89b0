// The lines to take over into an application: a session whose sparse parts our provider runs.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

// Makes the provider known to ONNX Runtime: once per process, before the first session that uses
// it. `library` is the path of libsparseprune_ort.so.
inline void RegisterSparse(Ort::Env& env, const std::string& library) {
  env.RegisterExecutionProviderLibrary("sparseprune", library);
}

// `settings` are the provider's: docs/deploy.md lists them.
inline Ort::Session OpenSparse(Ort::Env& env, const std::string& model, Ort::SessionOptions options,
                               const std::unordered_map<std::string, std::string>& settings) {
  std::vector<Ort::ConstEpDevice> devices;
  for (const Ort::ConstEpDevice& device : env.GetEpDevices())
    if (device.EpName() == std::string("SparsePruneExecutionProvider")) devices.push_back(device);
  if (devices.empty()) throw std::runtime_error("the sparse execution provider is not registered");
  options.AppendExecutionProvider_V2(env, devices, settings);
  return Ort::Session(env, model.c_str(), options);
}
