// Why a node, or a part of it, is not for us.
#pragma once

#include <string>

namespace sparseprune::ort {

// Thrown by whoever tries to understand a node: why it is to stay with the CPU provider. It is
// unsupported, or wrong in a way that the CPU provider is better placed to explain.
struct Refusal {
  std::string reason;
};

inline void Require(bool condition, const char* reason) {
  if (!condition) throw Refusal{reason};
}

}  // namespace sparseprune::ort
