// Where tunings are kept between sessions.
#pragma once

#include <filesystem>
#include <string>

#include "engine/tuning.h"
#include "ort/options.h"

namespace sparseprune::ort {

class TuningStore {
 public:
  // Throws Error where the file that the options name is not a tuning, or must be written and
  // cannot be. The user's cache is never an error: without one, nothing is remembered.
  explicit TuningStore(const Options& options);

  // What is known of layers on this CPU. An entry of the file the options name goes before one of
  // `metadata`, the tuning in the model; that before one of the user's cache.
  Tuning Read(const std::string& metadata) const;

  // Adds entries to the file and to the cache, as far as they can be written. Files are replaced
  // whole, so that readers and other processes never see a part. Of two processes that add at once
  // one may undo what the other added: then that is found again another time.
  void Add(const Tuning& found) const noexcept;

 private:
  std::string isa_;
  std::filesystem::path file_, cache_;  // empty: none
  bool read_cache_;
};

}  // namespace sparseprune::ort
