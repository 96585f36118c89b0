#include "engine/probe.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "engine/isa.h"
#include "kernels/table.h"

namespace sparseprune {
namespace {

constexpr size_t kNearBytes = 16 << 10;  // within 32 KB, the smallest first-level cache in use
constexpr size_t kFarBytes = 192 << 10;  // beyond 64 KB, the largest; within a 256 KB second level
constexpr int64_t kNearBytesRead = 8 << 20, kFarBytesRead = 6 << 20;
constexpr std::align_val_t kAlignment{4096};

struct Delete {
  void operator()(char* memory) const noexcept { ::operator delete(memory, kAlignment); }
};

void Read(const KernelTable& kernels, const char* data, size_t bytes, int64_t bytes_read,
          char* sums) {
  kernels.probe(data, bytes / (kernels.lanes * sizeof(float)), bytes_read / bytes, sums);
}

}  // namespace

double ProbeSeconds(const std::string& isa) {
  const KernelTable& kernels = FindKernels(isa);
  const std::unique_ptr<char, Delete> data(
      static_cast<char*>(::operator new(kFarBytes + 4096, kAlignment)));
  std::fill_n(data.get(), kFarBytes, '\0');
  char* sums = data.get() + kFarBytes;
  Read(kernels, data.get(), kFarBytes, kFarBytes, sums);  // into the second-level cache
  const auto start = std::chrono::steady_clock::now();
  Read(kernels, data.get(), kNearBytes, kNearBytesRead, sums);
  Read(kernels, data.get(), kFarBytes, kFarBytesRead, sums);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace sparseprune
