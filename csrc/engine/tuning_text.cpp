#include "engine/tuning_text.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include "engine/cpu.h"
#include "engine/graph.h"

namespace sparseprune {
namespace {

// The number changes when kernels or keys do, so that what was found with others is not taken for
// true.
constexpr std::string_view kMagic = "sparseprune-tuning 2 ";
constexpr std::string_view kEquals = " = ";
// The longest key this engine makes, fourteen numbers of ten digits and the blocks, has 250
// characters.
constexpr size_t kMostLine = 320;

std::string Header(const std::string& isa) {
  return std::string(kMagic) + isa + ' ' + CpuName() + '\n';
}

// Takes `literal` off the front of `text`; false if it does not start so.
bool Take(std::string_view& text, std::string_view literal) {
  if (text.substr(0, literal.size()) != literal) return false;
  text.remove_prefix(literal.size());
  return true;
}

// ... a number from 1 to kMaxExtent.
bool Take(std::string_view& text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 1 || number > kMaxExtent) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

std::string FormatChoice(const TileChoice& tile) {
  return "tile=" + std::to_string(tile.rows) + 'x' + std::to_string(tile.cols) +
         " channels=" + std::to_string(tile.block_channels) +
         " rows=" + std::to_string(tile.part_rows) + (tile.prefetch ? " prefetch" : "");
}

bool ParseChoice(std::string_view text, TileChoice& tile) {
  return Take(text, "tile=") && Take(text, tile.rows) && Take(text, "x") && Take(text, tile.cols) &&
         Take(text, " channels=") && Take(text, tile.block_channels) && Take(text, " rows=") &&
         Take(text, tile.part_rows) &&
         (text.empty() || (tile.prefetch = Take(text, " prefetch") && text.empty()));
}

void ParseLine(std::string_view line, Tuning& tuning) {
  const size_t equals = line.rfind(kEquals);
  TileChoice tile{};
  if (line.size() > kMostLine || equals == std::string_view::npos || equals == 0) return;
  if (ParseChoice(line.substr(equals + kEquals.size()), tile))
    tuning.insert_or_assign(std::string(line.substr(0, equals)), tile);
}

}  // namespace

std::string FormatTuning(const Tuning& tuning, const std::string& isa) {
  std::string text = Header(isa);
  for (const auto& [key, tile] : tuning)
    text += key + std::string(kEquals) + FormatChoice(tile) + '\n';
  return text;
}

Tuning ParseTuning(const std::string& text, const std::string& isa) {
  Tuning tuning;
  std::string_view rest = text;
  if (text.size() > kMostTuningBytes || !Take(rest, Header(isa))) return tuning;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    ParseLine(line, tuning);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return tuning;
}

bool IsTuningText(const std::string& text) {
  std::string_view rest = text;
  return Take(rest, kMagic.substr(0, kMagic.find(' ') + 1));
}

}  // namespace sparseprune
