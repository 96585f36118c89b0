#include "engine/tuning.h"

#include <locale>
#include <sstream>

namespace sparseprune {
namespace {

// The share of the kept weights in blocks of each height, in tenths: "1:3+4:7". Masks that come of
// one distribution are seldom told apart, and those that are take a tuning of their own.
void AddBlocks(const ConvShape& s, std::ostringstream& key) {
  const char* separator = "";
  for (int i = 0; i < 4; ++i) {
    if (s.taps[i] == 0) continue;
    const int64_t height = 1 << i;
    key << separator << height << ':' << (20 * s.taps[i] * height + s.kept) / (2 * s.kept);
    separator = "+";
  }
}

}  // namespace

std::string TuningKey(const ConvShape& s) {
  const int64_t weights = s.in_channels / s.groups * s.out_channels * s.kernel[0] * s.kernel[1];
  std::ostringstream key;
  key.imbue(std::locale::classic());  // whatever the host program's numbers look like
  key.exceptions(std::ios::badbit);   // or no memory would make it another layer's
  key << "map=" << s.rows << 'x' << s.cols << " kernel=" << s.kernel[0] << 'x' << s.kernel[1]
      << " stride=" << s.stride[0] << 'x' << s.stride[1] << " dilation=" << s.dilation[0] << 'x'
      << s.dilation[1] << " channels=" << s.in_channels << "->" << s.out_channels
      << " groups=" << s.groups << " kept=" << (200 * s.kept + weights) / (2 * weights)
      << "% blocks=";
  AddBlocks(s, key);
  return key.str();
}

}  // namespace sparseprune
