// Places for buffers in one block of memory: two share room only if they never live at once.
#pragma once

#include <cstddef>
#include <vector>

namespace sparseprune {

struct Lifetime {
  size_t bytes;
  int first, last;  // operations that write it first and touch it last
};

struct ArenaPlan {
  std::vector<size_t> offsets;
  size_t bytes = 0;
};
ArenaPlan PlaceBuffers(const std::vector<Lifetime>& buffers);

}  // namespace sparseprune
