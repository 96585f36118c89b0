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

// How many images a pass takes, and how many passes run side by side.
struct PassSize {
  int64_t images = 1, together = 1;
};

// Runs images [first, first + count): sets of passes side by side on workers where there are enough
// of them, else each layer shared among the tasks. Throws std::bad_alloc.
void RunPasses(const Plan& plan, const Batch& batch, int64_t first, int64_t count,
               const PassSize& size, Parallel& parallel);

}  // namespace sparseprune
