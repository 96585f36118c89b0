#include "engine/cpu.h"

#include <cstdint>
#include <cstring>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace sparseprune {
namespace {

constexpr char kUnknown[] = "unknown";

#if defined(__x86_64__) || defined(__i386__)
// The 48 characters of leaves 0x80000002 to 0x80000004, without padding.
std::string Brand() {
  char text[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    uint32_t words[4];
    if (!__get_cpuid(0x80000002 + i, &words[0], &words[1], &words[2], &words[3])) return kUnknown;
    std::memcpy(text + 16 * i, words, sizeof words);
  }
  std::string brand;
  for (char c : std::string(text)) {
    const bool printable = c > ' ' && c <= '~';
    if (printable || (!brand.empty() && brand.back() != ' ')) brand += printable ? c : ' ';
  }
  while (!brand.empty() && brand.back() == ' ') brand.pop_back();
  return brand.empty() ? kUnknown : brand;
}

std::string Name() {
  unsigned version = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &version, &b, &c, &d)) return kUnknown;
  const unsigned base = version >> 8 & 15;
  const unsigned family = base == 15 ? base + (version >> 20 & 255) : base;
  const unsigned model = (version >> 4 & 15) | (version >> 12 & 0xF0);
  return Brand() + ", family " + std::to_string(family) + ", model " + std::to_string(model);
}
#else
std::string Name() { return kUnknown; }
#endif

}  // namespace

const std::string& CpuName() {
  static const std::string name = Name();
  return name;
}

}  // namespace sparseprune
