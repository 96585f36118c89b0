#include "ort/tuning_store.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <system_error>

#include "engine/cpu.h"
#include "engine/isa.h"
#include "engine/tuning_text.h"

namespace sparseprune::ort {
namespace {

namespace fs = std::filesystem;

// Up to one byte more than a tuning may have; empty where there is no such file.
std::string ReadText(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text(kMostTuningBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
}

Error Unusable(const fs::path& path, const std::string& why) {
  return Error(abi::ErrorCode::kInvalidArgument,
               "sparseprune: tuning_file '" + path.string() + "' " + why);
}

void CheckFile(const fs::path& path, bool is_written) {
  const std::string text = ReadText(path);
  if (!text.empty() && !IsTuningText(text)) throw Unusable(path, "is not a tuning");
  if (is_written && !std::ofstream(path, std::ios::app)) throw Unusable(path, "cannot be written");
}

const char* Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// SPARSEPRUNE_CACHE, or the folder the XDG base directory specification says; it takes absolute
// paths only.
fs::path CacheFolder() {
  if (const fs::path named = Environment("SPARSEPRUNE_CACHE"); !named.empty()) return named;
  if (const fs::path xdg = Environment("XDG_CACHE_HOME"); xdg.is_absolute())
    return xdg / "sparseprune";
  const fs::path home = Environment("HOME");
  return home.is_absolute() ? home / ".cache" / "sparseprune" : fs::path();
}

// FNV-1a: the same in every build, as std::hash is not.
uint64_t Hash(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

fs::path CacheFile(const std::string& isa) {
  const fs::path folder = CacheFolder();
  if (folder.empty()) return folder;
  std::ostringstream name;
  name.imbue(std::locale::classic());
  name.exceptions(std::ios::badbit);
  name << isa << '-' << std::hex << std::setfill('0') << std::setw(16) << Hash(CpuName()) << ".txt";
  return folder / "tuning" / name.str();
}

// A name next to `path` that no other thread or process takes.
fs::path Neighbour(const fs::path& path) {
  static std::atomic<unsigned> count{0};
  return path.string() + "." + std::to_string(getpid()) + "-" + std::to_string(count++) + ".tmp";
}

// A file that is full starts anew.
void Merge(const fs::path& path, const std::string& isa, const Tuning& added) {
  const std::string before = ReadText(path);
  Tuning all = added;
  all.merge(ParseTuning(before, isa));
  std::string text = FormatTuning(all, isa);
  if (text.size() > kMostTuningBytes) text = FormatTuning(added, isa);
  if (text == before) return;
  std::error_code ignored;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), ignored);
  const fs::path temporary = Neighbour(path);
  std::error_code failed;
  {
    std::ofstream stream(temporary, std::ios::binary);
    stream << text;
    stream.close();
    if (stream) fs::rename(temporary, path, failed);
    if (stream && !failed) return;
  }
  fs::remove(temporary, ignored);
}

}  // namespace

TuningStore::TuningStore(const Options& options)
    : isa_(ResolveIsa("")), file_(options.tuning_file), read_cache_(options.read_tuning_cache) {
  if (options.read_tuning_cache || options.write_tuning_cache) cache_ = CacheFile(isa_);
  if (!file_.empty()) CheckFile(file_, options.tune_seconds > 0);
}

Tuning TuningStore::Read(const std::string& metadata) const {
  Tuning tuning;
  if (!file_.empty()) tuning = ParseTuning(ReadText(file_), isa_);
  tuning.merge(ParseTuning(metadata, isa_));
  if (read_cache_ && !cache_.empty()) tuning.merge(ParseTuning(ReadText(cache_), isa_));
  return tuning;
}

void TuningStore::Add(const Tuning& found) const noexcept {
  for (const fs::path* path : {&file_, &cache_}) {
    if (path->empty() || found.empty()) continue;
    try {
      Merge(*path, isa_, found);
    } catch (const std::exception&) {
      // No memory, or a path the system does not take: the session runs on, and nothing is kept.
    }
  }
}

}  // namespace sparseprune::ort
