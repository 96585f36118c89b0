#include "engine/runs.h"

#include "engine/tables.h"

namespace sparseprune {
namespace {

uint32_t EveryLane(int64_t lanes) { return (uint32_t{1} << lanes) - 1; }

// `inside(k, lane)`: whether column k of the lane's run is a position of the map.
template <typename Inside>
void AddMasks(RunTable& table, int64_t lanes, const Inside& inside) {
  const int64_t columns = static_cast<int64_t>(table.to.size());
  for (int64_t k = 0; k < columns; k += lanes) {
    std::vector<uint32_t> words(lanes);
    bool all = k + lanes <= columns;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      for (int64_t i = 0; i < lanes && k + i < columns; ++i)
        words[lane] |= uint32_t{inside(k + i, lane)} << i;
      all = all && words[lane] == EveryLane(lanes);
    }
    table.masks.push_back(all ? -1 : Narrow(static_cast<int64_t>(table.valid.size()) / lanes));
    if (!all) table.valid.insert(table.valid.end(), words.begin(), words.end());
  }
}

int32_t VectorAt(const Layout& tiled, int64_t channel, int64_t y, int64_t x) {
  return Narrow(channel * tiled.ChannelStride() + tiled.VectorIndex(y, x));
}

}  // namespace

LaneRuns RunTable::View() const {
  LaneRuns view = shape;
  view.columns = static_cast<int64_t>(to.size());
  view.rows = static_cast<int64_t>(row_lanes.size());
  view.lane_floats = lane_floats.data();
  view.to = to.data();
  view.masks = masks.data();
  view.valid = valid.data();
  view.row_lanes = row_lanes.data();
  return view;
}

// A row of a lane's tile is one run; where the channels of a position lie side by side, of all of
// them, else of one.
RunTable RunsOfMap(const Layout& plain, const Layout& tiled, const Halo& reach) {
  const bool together = plain.channels_last || plain.height * plain.width == 1;
  const int64_t depth = together ? plain.channels : 1;
  const int64_t columns = (reach.left + tiled.tile_w + reach.right) * depth;
  RunTable table;
  table.shape.channels = together ? 1 : plain.channels;
  table.shape.channel_floats = plain.height * plain.width;
  table.shape.row_floats = plain.width * depth;
  table.shape.channel_vectors = tiled.ChannelStride();
  table.shape.row_vectors = tiled.RowStride();
  table.shape.live = EveryLane(tiled.lanes);
  for (int64_t lane = 0; lane < tiled.lanes; ++lane)
    table.lane_floats.push_back(
        (tiled.MapY(-reach.top, lane) * plain.width + tiled.MapX(-reach.left, lane)) * depth);
  for (int64_t k = 0; k < columns; ++k)
    table.to.push_back(VectorAt(tiled, k % depth, -reach.top, k / depth - reach.left));
  for (int64_t y = -reach.top; y < tiled.tile_h + reach.bottom; ++y) {
    uint32_t lanes = 0;
    for (int64_t lane = 0; lane < tiled.lanes; ++lane)
      lanes |= uint32_t{plain.Inside(tiled.MapY(y, lane), 0)} << lane;
    table.row_lanes.push_back(lanes);
  }
  AddMasks(table, tiled.lanes, [&](int64_t k, int64_t lane) {
    return plain.Inside(0, tiled.MapX(k / depth - reach.left, lane));
  });
  return table;
}

// An image is one run. The halo follows as columns outside the map.
RunTable RunsOfImages(const Layout& plain, const Layout& tiled, const Halo& reach) {
  const int64_t area = plain.height * plain.width, image = plain.channels * area;
  RunTable table;
  table.shape.channels = 1;
  table.shape.live = EveryLane(tiled.lanes);
  table.image_floats = image;
  table.row_lanes = {EveryLane(tiled.lanes)};
  for (int64_t i = 0; i < image; ++i) {
    const int64_t channel = plain.channels_last ? i % plain.channels : i / area;
    const int64_t position = plain.channels_last ? i / plain.channels : i % area;
    table.to.push_back(VectorAt(tiled, channel, position / plain.width, position % plain.width));
  }
  for (int64_t channel = 0; reach.Any() && channel < tiled.channels; ++channel)
    tiled.ForEachPosition(reach, [&](int64_t y, int64_t x) {
      if (!plain.Inside(y, x)) table.to.push_back(VectorAt(tiled, channel, y, x));
    });
  AddMasks(table, tiled.lanes, [&](int64_t k, int64_t) { return k < image; });
  return table;
}

}  // namespace sparseprune
