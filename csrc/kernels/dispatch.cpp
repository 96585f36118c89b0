#include <cstdlib>
#include <stdexcept>

#include "engine/program.h"
#include "kernels/table.h"

namespace sparseprune {

#if defined(__x86_64__)
namespace avx512 {
extern const KernelTable kKernels;
}
namespace avx2 {
extern const KernelTable kKernels;
}
#endif
namespace baseline {
extern const KernelTable kKernels;
}

namespace {

const KernelTable* const kTables[] = {// best first
#if defined(__x86_64__)
                                      &avx512::kKernels, &avx2::kKernels,
#endif
                                      &baseline::kKernels};

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
  for (const KernelTable* table : kTables)
    if (table->supported()) names.push_back(table->name);
  return names;
}

const KernelTable& FindKernels(const std::string& isa) {
  const char* environment = std::getenv("SPARSEPRUNE_ISA");
  const std::string wanted = isa.empty() && environment != nullptr ? environment : isa;
  for (const KernelTable* table : kTables)
    if ((wanted.empty() || wanted == table->name) && table->supported()) return *table;
  Refuse(wanted);
}

std::string ResolveIsa(const std::string& isa) { return FindKernels(isa).name; }

}  // namespace sparseprune
