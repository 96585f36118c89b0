#include "ort/metadata.h"

#include <memory>

namespace sparseprune::ort {
namespace {

// Metadata is an extra: where it cannot be had, the model runs all the same.
bool Succeeded(const Api& api, abi::Status* status) {
  if (status == nullptr) return true;
  abi::ReleaseStatus(api.core, status);
  return false;
}

}  // namespace

std::string ReadMetadata(const Api& api, const abi::Graph* graph, const char* key) {
  abi::ModelMetadata* found = nullptr;
  if (!Succeeded(api, abi::Graph_GetModelMetadata(api.core, graph, &found))) return "";
  const auto release = [&](abi::ModelMetadata* m) { abi::ReleaseModelMetadata(api.core, m); };
  const std::unique_ptr<abi::ModelMetadata, decltype(release)> metadata(found, release);
  abi::Allocator* allocator = nullptr;
  char* value = nullptr;
  if (!Succeeded(api, abi::GetAllocatorWithDefaultOptions(api.core, &allocator)) ||
      !Succeeded(api, abi::ModelMetadataLookupCustomMetadataMap(api.core, found, allocator, key,
                                                                &value)) ||
      value == nullptr)
    return "";
  const auto free = [&](char* text) {
    Succeeded(api, abi::AllocatorFree(api.core, allocator, text));
  };
  const std::unique_ptr<char, decltype(free)> text(value, free);
  return text.get();
}

}  // namespace sparseprune::ort
