// The instruction sets: which there are, and which one a name stands for.
#pragma once

#include <string>
#include <vector>

namespace sparseprune {

struct KernelTable;  // kernels/table.h

// Instruction sets this CPU can run, best first: of "avx512", "avx2", "baseline".
std::vector<std::string> AvailableIsas();
// The one `isa` stands for; "" consults SPARSEPRUNE_ISA, then takes the best. Throws
// std::invalid_argument naming the choices when it is unknown or not available.
std::string ResolveIsa(const std::string& isa);
// Floats in one of its vectors; throws as ResolveIsa.
int LanesOf(const std::string& isa);
// Its kernels; throws as ResolveIsa.
const KernelTable& FindKernels(const std::string& isa);

}  // namespace sparseprune
