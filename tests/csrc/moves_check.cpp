// Moves between random layouts, and pooling, against plain loops. Built with the sanitizers by
// test_sanitizers.py; every buffer has exactly the size promised.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/arithmetic.h"
#include "engine/isa.h"
#include "engine/operation.h"

using namespace sparseprune;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
std::mt19937 generator(7);

int Draw(int least, int most) { return std::uniform_int_distribution<int>(least, most)(generator); }

void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

// Aligned as the engine aligns them and not one float longer than asked for; NaN to begin with.
class Floats {
 public:
  explicit Floats(int64_t count) {
    data_ = static_cast<float*>(::operator new(count * sizeof(float), std::align_val_t(64)));
    std::fill(data_, data_ + count, kNan);
  }
  ~Floats() { ::operator delete(data_, std::align_val_t(64)); }
  char* bytes() const { return reinterpret_cast<char*>(data_); }
  float* data() const { return data_; }

 private:
  Floats(const Floats&) = delete;
  float* data_;
};

// Images x channels x height x width, whatever the layout it is then written in.
struct Maps {
  Layout plain;
  int64_t images;
  std::vector<float> values;
  float at(int64_t image, int64_t c, int64_t y, int64_t x) const {
    return values[((image * plain.channels + c) * plain.height + y) * plain.width + x];
  }
};

Maps RandomMaps(int64_t images, bool vector) {
  Maps maps;
  maps.plain.flat = true;
  maps.plain.channels = Draw(1, 17);
  maps.plain.height = vector ? 1 : Draw(1, Draw(0, 3) ? 12 : 70);
  maps.plain.width = vector ? 1 : Draw(1, Draw(0, 3) ? 12 : 70);
  maps.plain.channels_last = !vector && Draw(0, 1);
  maps.images = images;
  const int64_t count = images * maps.plain.channels * maps.plain.height * maps.plain.width;
  for (int64_t i = 0; i < count; ++i) maps.values.push_back(static_cast<float>(Draw(-99, 99)));
  return maps;
}

int64_t PlainIndex(const Layout& plain, int64_t c, int64_t y, int64_t x) {
  return c * plain.ChannelFloats() + plain.FloatIndex(y, x);
}
int64_t ImageFloats(const Layout& plain) { return plain.channels * plain.height * plain.width; }

template <typename Visit>
void ForEachValue(const Maps& maps, const Visit& visit) {
  for (int64_t i = 0; i < maps.images; ++i)
    for (int64_t c = 0; c < maps.plain.channels; ++c)
      for (int64_t y = 0; y < maps.plain.height; ++y)
        for (int64_t x = 0; x < maps.plain.width; ++x) visit(i, c, y, x);
}

void WritePlain(const Maps& maps, float* to) {
  ForEachValue(maps, [&](int64_t i, int64_t c, int64_t y, int64_t x) {
    to[i * ImageFloats(maps.plain) + PlainIndex(maps.plain, c, y, x)] = maps.at(i, c, y, x);
  });
}

void ExpectPlain(const Maps& maps, const Layout& plain, const float* found, const char* what) {
  ForEachValue(maps, [&](int64_t i, int64_t c, int64_t y, int64_t x) {
    Expect(found[i * ImageFloats(plain) + PlainIndex(plain, c, y, x)] == maps.at(i, c, y, x), what);
  });
}

// Lanes for the maps: tiles of one image, or images; groups of them for vectors.
Layout RandomLayout(const Maps& maps, int64_t lanes, bool images, int64_t groups) {
  Layout layout = maps.plain;
  layout.flat = layout.channels_last = false;
  layout.lanes = lanes;
  if (!images) {
    layout.grid.y = int64_t{1} << Draw(0, lanes == 16 ? 4 : lanes == 8 ? 3 : 2);
    layout.grid.x = lanes / layout.grid.y;
  }
  if (groups > 0) layout.height = groups;
  layout.tile_h = CeilDiv(layout.height, layout.grid.y) + (images ? 0 : Draw(0, 1));
  layout.tile_w = CeilDiv(layout.width, layout.grid.x) + (images ? 0 : Draw(0, 1));
  if (groups == 0 && Draw(0, 1)) layout.halo = {Draw(0, 3), Draw(0, 3), Draw(0, 3), Draw(0, 3)};
  return layout;
}

// Of every vector and lane, halo included: the value it stands for.
template <typename Visit>
void ForEachLane(const Maps& maps, const Layout& layout, bool halo, const Visit& visit) {
  const Halo reach = halo ? layout.halo : Halo{};
  const bool images = layout.LanesAreImages(), groups = layout.height != maps.plain.height;
  for (int64_t c = 0; c < layout.channels; ++c)
    for (int64_t y = -reach.top; y < layout.tile_h + reach.bottom; ++y)
      for (int64_t x = -reach.left; x < layout.tile_w + reach.right; ++x)
        for (int64_t lane = 0; lane < layout.lanes; ++lane) {
          const int64_t image = images ? lane + (groups ? y * layout.lanes : 0) : 0;
          const int64_t row = groups ? 0 : layout.MapY(y, lane), col = layout.MapX(x, lane);
          const int64_t at =
              c * layout.ChannelStride() + layout.Origin() + y * layout.RowStride() + x;
          visit(at * layout.lanes + lane, std::min(image, maps.images - 1), c, row, col);
        }
}

void WriteLanes(const Maps& maps, const Layout& layout, float* to) {
  ForEachLane(maps, layout, false, [&](int64_t at, int64_t i, int64_t c, int64_t y, int64_t x) {
    to[at] = maps.plain.Inside(y, x) ? maps.at(i, c, y, x) : 0;
  });
}

void ExpectLanes(const Maps& maps, const Layout& layout, float fill, const float* found,
                 const char* what) {
  ForEachLane(maps, layout, true, [&](int64_t at, int64_t i, int64_t c, int64_t y, int64_t x) {
    Expect(found[at] == (maps.plain.Inside(y, x) ? maps.at(i, c, y, x) : fill), what);
  });
}

std::unique_ptr<Floats> Buffer(const Layout& layout) {
  return std::make_unique<Floats>(layout.Bytes() / 4);
}

// Runs one operation that reads buffer or input 0 and writes buffer 1 or output 0.
void Run(const OperationPtr& operation, char* from, char* to, int64_t images) {
  char* const buffers[] = {from, to};
  const float* const inputs[] = {reinterpret_cast<float*>(from)};
  float* const outputs[] = {reinterpret_cast<float*>(to)};
  Serial serial;
  operation->Run({buffers, inputs, outputs, images, &serial});
}

void CheckMoves(const KernelTable& kernels) {
  const bool images = Draw(0, 1), vector = Draw(0, 3) == 0;
  const int64_t groups = images && vector ? Draw(1, 3) : 0;
  const int64_t count =
      images ? Draw(1, static_cast<int>(kernels.lanes * std::max<int64_t>(groups, 1))) : 1;
  const Maps maps = RandomMaps(count, vector);
  const Layout layout = RandomLayout(maps, kernels.lanes, images, groups);
  const float fill = Draw(0, 1) ? 0 : -kInfinity;
  const Floats plain(count * ImageFloats(maps.plain)), back(count * ImageFloats(maps.plain));
  const auto lanes = Buffer(layout), made = Buffer(layout);

  WritePlain(maps, plain.data());
  Run(MakeCopy(kernels, maps.plain, {-1, 0}, layout, 1, fill), plain.bytes(), lanes->bytes(),
      count);
  ExpectLanes(maps, layout, fill, lanes->data(), "plain to lanes");

  WriteLanes(maps, layout, made->data());
  Layout wanted = maps.plain;
  wanted.channels_last = Draw(0, 1);
  Run(MakeStore(kernels, layout, {0, -1}, wanted, 0), made->bytes(), back.bytes(), count);
  ExpectPlain(maps, wanted, back.data(), "lanes to plain");

  if (images) return;
  const Layout other = RandomLayout(maps, kernels.lanes, false, 0);
  const auto moved = Buffer(other);
  Run(MakeCopy(kernels, layout, {0, -1}, other, 1, fill), made->bytes(), moved->bytes(), 1);
  ExpectLanes(maps, other, fill, moved->data(), "lanes to lanes");
  Run(MakeStore(kernels, maps.plain, {-1, 0}, wanted, 0), plain.bytes(), back.bytes(), 1);
  ExpectPlain(maps, wanted, back.data(), "plain to plain");
}

bool Same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

struct Pooled {
  Maps made;  // without values
  Layout input, output;
  Window window;
};
// A window no wider than the padded map, each with a position inside, and the halo it reads.
Pooled RandomPooling(const Maps& maps, const KernelTable& kernels, bool images) {
  Pooled p;
  p.made = {maps.plain, maps.images, {}};
  const int64_t extent[2] = {maps.plain.height, maps.plain.width};
  for (int axis = 0; axis < 2; ++axis) {
    const int widest = static_cast<int>(std::min<int64_t>(extent[axis], Draw(0, 5) ? 4 : 70));
    p.window.kernel[axis] = Draw(1, widest);
    p.window.stride[axis] = Draw(1, Draw(0, 5) ? 3 : 70);
    p.window.pad_begin[axis] = Draw(0, static_cast<int>(p.window.kernel[axis]) - 1);
    p.window.pad_end[axis] = Draw(0, static_cast<int>(p.window.kernel[axis]) - 1);
    (axis == 0 ? p.made.plain.height : p.made.plain.width) =
        (extent[axis] + p.window.pad_begin[axis] + p.window.pad_end[axis] - p.window.kernel[axis]) /
            p.window.stride[axis] +
        1;
  }
  p.output = RandomLayout(p.made, kernels.lanes, images, 0);
  p.input = p.output;
  p.input.height = extent[0];
  p.input.width = extent[1];
  p.input.tile_h = images ? extent[0] : p.output.tile_h * p.window.stride[0];
  p.input.tile_w = images ? extent[1] : p.output.tile_w * p.window.stride[1];
  const auto overhang = [&](int axis, int64_t tile, int64_t input) {
    const int64_t last = (tile - 1) * p.window.stride[axis] + p.window.kernel[axis];
    return std::max<int64_t>(0, last - p.window.pad_begin[axis] - input);
  };
  p.input.halo = {p.window.pad_begin[0], p.window.pad_begin[1],
                  overhang(0, p.output.tile_h, p.input.tile_h),
                  overhang(1, p.output.tile_w, p.input.tile_w)};
  return p;
}

// Of one output position: the maximum with every NaN kept, the sum, and how many lie in the map.
struct Seen {
  float most = -kInfinity;
  double sum = 0;
  int64_t inside = 0;
};

Seen Look(const Maps& maps, const Window& w, int64_t i, int64_t c, int64_t y, int64_t x) {
  Seen seen;
  for (int64_t ky = 0; ky < w.kernel[0]; ++ky)
    for (int64_t kx = 0; kx < w.kernel[1]; ++kx) {
      const int64_t row = y * w.stride[0] - w.pad_begin[0] + ky;
      const int64_t col = x * w.stride[1] - w.pad_begin[1] + kx;
      if (!maps.plain.Inside(row, col)) continue;
      const float v = maps.at(i, c, row, col);
      seen.most = std::isnan(v) || std::isnan(seen.most) ? kNan : std::max(seen.most, v);
      seen.sum += v;
      ++seen.inside;
    }
  return seen;
}

void CheckPooling(const KernelTable& kernels) {
  const bool images = Draw(0, 1), padding_counts = Draw(0, 1);
  Maps maps = RandomMaps(images ? kernels.lanes : 1, false);
  const bool specials = Draw(0, 1);
  for (float& v : maps.values)
    if (specials && Draw(0, 20) == 0) v = Draw(0, 1) ? kNan : kInfinity;
  const Pooled p = RandomPooling(maps, kernels, images);
  const Floats plain(maps.images * ImageFloats(maps.plain));
  WritePlain(maps, plain.data());
  const auto pool = [&](float fill, const OperationPtr& operation, const auto& check) {
    const auto input = Buffer(p.input), output = Buffer(p.output);
    Run(MakeCopy(kernels, maps.plain, {-1, 0}, p.input, 1, fill), plain.bytes(), input->bytes(),
        maps.images);
    Run(operation, input->bytes(), output->bytes(), maps.images);
    ForEachLane(p.made, p.output, false,
                [&](int64_t at, int64_t i, int64_t c, int64_t y, int64_t x) {
                  const float found = output->data()[at];
                  if (!p.output.Inside(y, x))
                    return Expect(found == 0, "a lane outside the map is not zero");
                  check(found, Look(maps, p.window, i, c, y, x));
                });
  };
  pool(-kInfinity, MakeMaxPool(kernels, p.window, p.input, {0, -1}, p.output, 1),
       [](float found, const Seen& seen) { Expect(Same(found, seen.most), "max pooling"); });
  const int64_t area = p.window.kernel[0] * p.window.kernel[1];
  pool(0, MakeAveragePool(kernels, p.window, padding_counts, p.input, {0, -1}, p.output, 1),
       [&](float found, const Seen& seen) {
         const double count = static_cast<double>(padding_counts ? area : seen.inside);
         if (!std::isfinite(seen.sum))
           return Expect(Same(found, static_cast<float>(seen.sum)), "infinities");
         // The sum of integers is exact; the factor and the product are rounded.
         const double unit = std::ldexp(1.0, -24);
         Expect(std::fabs(found - seen.sum / count) <= 3 * unit * std::fabs(seen.sum / count),
                "average pooling");
       });
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 300;
  for (const std::string& isa : AvailableIsas()) try {
      for (int i = 0; i < count; ++i) {
        CheckMoves(FindKernels(isa));
        CheckPooling(FindKernels(isa));
      }
      std::printf("%s %d layouts\n", isa.c_str(), count);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", isa.c_str(), error.what());
      return 1;
    }
  return 0;
}
