#include "engine/isa.h"

#include <cstdlib>
#include <stdexcept>

#include "kernels/table.h"

namespace sparseprune {
namespace {

[[noreturn]] void Refuse(const std::string& isa) {
  std::string choices;
  for (const std::string& name : AvailableIsas()) choices += (choices.empty() ? "" : ", ") + name;
  throw std::invalid_argument(
      "instruction set '" + isa +
      "' is unknown or not available on this CPU; choose one of: " + choices);
}

}  // namespace

std::vector<std::string> AvailableIsas() {
  std::vector<std::string> names;
  for (const KernelTable* table : AvailableKernels()) names.push_back(table->name);
  return names;
}

const KernelTable& FindKernels(const std::string& isa) {
  const char* environment = std::getenv("SPARSEPRUNE_ISA");
  const std::string wanted = isa.empty() && environment != nullptr ? environment : isa;
  for (const KernelTable* table : AvailableKernels())
    if (wanted.empty() || wanted == table->name) return *table;
  Refuse(wanted);
}

std::string ResolveIsa(const std::string& isa) { return FindKernels(isa).name; }

int LanesOf(const std::string& isa) { return FindKernels(isa).lanes; }

}  // namespace sparseprune
