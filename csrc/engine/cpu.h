// Which CPU this is.
#pragma once

#include <string>

namespace sparseprune {

// "AMD EPYC, family 25, model 17": equal where what runs fastest is likely the same. Virtual
// machines hide the number in the brand, so family and model tell generations apart. "unknown"
// where the CPU does not tell. One line of printable ASCII.
const std::string& CpuName();

}  // namespace sparseprune
