#include "engine/largest_product.h"

#include "engine/isa.h"

namespace sparseprune {

void LargestProduct(const LargestProductTask& task, const std::string& isa) {
  FindKernels(isa).largest_product(task);
}

}  // namespace sparseprune
