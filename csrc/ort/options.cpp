#include "ort/options.h"

#include <locale>
#include <sstream>

namespace sparseprune::ort {
namespace {

constexpr char kPrefix[] = "ep.sparsepruneexecutionprovider.";

// The text of an option; empty if it is not set.
std::string Read(const Api& api, const abi::SessionOptions* session, const char* name) {
  const std::string key = std::string(kPrefix) + name;
  int present = 0;
  Check(api.core, abi::HasSessionConfigEntry(api.core, session, key.c_str(), &present));
  if (present == 0) return "";
  size_t size = 0;
  Check(api.core, abi::GetSessionConfigEntry(api.core, session, key.c_str(), nullptr, &size));
  std::string text(size, '\0');
  Check(api.core, abi::GetSessionConfigEntry(api.core, session, key.c_str(), text.data(), &size));
  text.resize(size > 0 ? size - 1 : 0);  // `size` counts the terminating zero
  return text;
}

// The option's value, in [lowest, highest], if it is set.
std::optional<double> Parse(const Api& api, const abi::SessionOptions* session, const char* name,
                            double lowest, double highest) {
  const std::string text = Read(api, session, name);
  if (text.empty()) return std::nullopt;
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  stream.exceptions(std::ios::badbit);  // or no memory would read as no number
  double number = 0;
  stream >> number;
  if (!stream.fail() && stream.eof() && number >= lowest && number <= highest) return number;
  std::ostringstream message;
  message << "sparseprune: option " << name << " must be a number from " << lowest << " to "
          << highest << ", got '" << text << "'";
  throw Error(abi::ErrorCode::kInvalidArgument, message.str());
}

// The cache is written only where something is found, so without tuning "refresh" is "off".
void ParseCache(const std::string& text, Options& options) {
  if (text.empty() || text == "on") return;
  if (text != "off" && text != "refresh")
    throw Error(abi::ErrorCode::kInvalidArgument,
                "sparseprune: option tuning_cache must be on, off or refresh, got '" + text + "'");
  options.read_tuning_cache = false;
  options.write_tuning_cache = text == "refresh";
}

}  // namespace

Options ReadOptions(const Api& api, const abi::SessionOptions* session) {
  Options options;
  options.min_sparsity = Parse(api, session, "min_sparsity", 0, 1);
  options.threads = static_cast<size_t>(Parse(api, session, "threads", 0, 4096).value_or(0));
  options.explain = Read(api, session, "explain");
  options.tune_seconds = Parse(api, session, "tune_seconds", 0, 3600).value_or(0);
  options.tune_slice = Parse(api, session, "tune_slice", 0, 3600).value_or(options.tune_slice);
  options.tuning_file = Read(api, session, "tuning_file");
  ParseCache(Read(api, session, "tuning_cache"), options);
  return options;
}

}  // namespace sparseprune::ort
