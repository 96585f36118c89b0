// Calling ONNX Runtime and being called by it: statuses become exceptions, exceptions statuses.
#pragma once

#include <algorithm>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <string>

#include "engine/graph.h"
#include "ort/abi.h"

#define SPARSEPRUNE_EXPORT extern "C" __attribute__((visibility("default")))

namespace sparseprune::ort {

struct Api {
  abi::Table core;   // OrtApi
  abi::Table ep;     // OrtEpApi; nullptr outside the provider
  uint32_t version;  // the one `core` was asked for; 0 where ONNX Runtime is no 1.x
};

// The newest table that both sides know. Asking for more than the runtime has would print to
// stderr. Version 1 is always there, and can make a status.
inline Api Connect(const abi::ApiBase* base) {
  unsigned major = 0, minor = 0;  // "1.27.0" is API version 27
  if (std::sscanf(base->GetVersionString(), "%u.%u", &major, &minor) != 2 || major != 1) minor = 0;
  const uint32_t version = std::min<uint32_t>(minor, abi::kNewestVersion);
  return {base->GetApi(std::max<uint32_t>(version, 1)), nullptr, version};
}

struct Error : std::runtime_error {
  Error(abi::ErrorCode error_code, const std::string& message)
      : std::runtime_error(message), code(error_code) {}
  abi::ErrorCode code;
};

// Throws what the status says; does nothing for success.
inline void Check(abi::Table core, abi::Status* status) {
  if (status == nullptr) return;
  const Error error(abi::GetErrorCode(core, status), abi::GetErrorMessage(core, status));
  abi::ReleaseStatus(core, status);
  throw error;
}

// CreateStatus copies the message, and does not throw.
inline abi::Status* ToStatus(abi::Table core, abi::ErrorCode code, const char* message) noexcept {
  return abi::CreateStatus(core, code, message);
}

// Runs `body`, the whole of a callback: no exception may cross the C boundary.
template <class Body>
abi::Status* Guard(abi::Table core, Body&& body) noexcept {
  using abi::ErrorCode;
  try {
    body();
    return nullptr;
  } catch (const Error& error) {
    return ToStatus(core, error.code, error.what());
  } catch (const std::invalid_argument& error) {  // the engine's InvalidGraph among them
    return ToStatus(core, ErrorCode::kInvalidArgument, error.what());
  } catch (const std::bad_alloc&) {
    return ToStatus(core, ErrorCode::kFail, "sparseprune: out of memory");
  } catch (const std::exception& error) {
    return ToStatus(core, ErrorCode::kFail, error.what());
  } catch (...) {
    return ToStatus(core, ErrorCode::kFail, "sparseprune: unknown error");
  }
}

}  // namespace sparseprune::ort
