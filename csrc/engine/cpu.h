// Which CPU this is.
#pragma once

#include <cstdint>
#include <string>

namespace sparseprune {

// "AMD EPYC, family 25, model 17": equal where what runs fastest is likely the same. Virtual
// machines hide the number in the brand, so family and model tell generations apart. "unknown"
// where the CPU does not tell. One line of printable ASCII.
const std::string& CpuName();

// Of one core's first-level data cache; 32 KB where the system does not tell.
int64_t L1Bytes();

}  // namespace sparseprune
