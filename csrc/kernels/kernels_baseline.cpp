// Any CPU: 4 lanes of whatever the compiler makes of 16-byte vectors.
#include <cstddef>
#include <cstdint>

#include "kernels/table.h"

#define SP_ISA baseline
#define SP_LANES 4
#define SP_SUPPORTED true

#include "kernels/kernels-inl.h"
