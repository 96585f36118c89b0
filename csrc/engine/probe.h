// How quiet the machine is: a fixed piece of work beside which measurements are judged.
#pragma once

#include <string>

namespace sparseprune {

// Seconds that a fixed number of loads with multiply-adds takes now, half of the time from the
// first-level cache and half from the second, about 0.1 ms. The smallest of many is the quiet
// machine. Work in registers would not tell: neighbours on shared hardware slowed load-bound code
// by up to 28 % while such work ran on unhindered. Throws as FindKernels.
double ProbeSeconds(const std::string& isa);

}  // namespace sparseprune
