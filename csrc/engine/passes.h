// A batch cut into passes of one plan.
#pragma once

#include <vector>

#include "engine/plan.h"

namespace sparseprune {

// A batch in the caller's memory.
struct Batch {
  std::vector<const float*> inputs;
  std::vector<float*> outputs;
  std::vector<int64_t> input_floats, output_floats;  // of one image
};

// Runs images [first, first + count), `pass` at a time: side by side where there are enough
// passes, else each layer shared among the tasks. Throws std::bad_alloc.
void RunPasses(const Plan& plan, const Batch& batch, int64_t first, int64_t count, int64_t pass,
               Parallel& parallel);

}  // namespace sparseprune
