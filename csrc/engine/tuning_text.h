// A tuning as text, for model files and caches: a first line that says for which CPU it holds,
// then one line per layer.
//
//   sparseprune-tuning 2 avx512 AMD EPYC, family 25, model 17
//   map=14x4 kernel=3x3 ... kept=10% = tile=2x4 channels=64 rows=256
#pragma once

#include <cstddef>
#include <string>

#include "engine/tuning.h"

namespace sparseprune {

// Larger text is not read: some 8000 layers, far beyond any network.
constexpr size_t kMostTuningBytes = size_t{1} << 20;

// `isa` is a name of AvailableIsas() in isa.h.
std::string FormatTuning(const Tuning& tuning, const std::string& isa);

// Takes any text, for it may come from a stranger's file. Empty where it was not made for `isa` on
// this CPU; lines that are not understood are skipped. Whether a tile fits a layer is checked where
// it is used (ChooseTile).
Tuning ParseTuning(const std::string& text, const std::string& isa);

// Whether the text claims to be a tuning, of whatever CPU.
bool IsTuningText(const std::string& text);

}  // namespace sparseprune
