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

}  // namespace

std::vector<const KernelTable*> AvailableKernels() {
  std::vector<const KernelTable*> available;
  for (const KernelTable* table : kTables)
    if (table->supported()) available.push_back(table);
  return available;
}

}  // namespace sparseprune
