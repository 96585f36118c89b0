#include "engine/tuning.h"

#include <locale>
#include <sstream>

namespace sparseprune {

std::string TuningKey(const ConvShape& s) {
  const int64_t weights = s.in_channels / s.groups * s.out_channels * s.kernel[0] * s.kernel[1];
  std::ostringstream key;
  key.imbue(std::locale::classic());  // whatever the host program's numbers look like
  key.exceptions(std::ios::badbit);   // or no memory would make it another layer's
  key << "map=" << s.rows << 'x' << s.cols << " kernel=" << s.kernel[0] << 'x' << s.kernel[1]
      << " stride=" << s.stride[0] << 'x' << s.stride[1] << " dilation=" << s.dilation[0] << 'x'
      << s.dilation[1] << " channels=" << s.in_channels << "->" << s.out_channels
      << " groups=" << s.groups << " block=" << s.block_rows
      << " kept=" << (200 * s.kept + weights) / (2 * weights) << '%';
  return key.str();
}

}  // namespace sparseprune
