#include "ort/json.h"

#include <cmath>
#include <cstdio>
#include <locale>
#include <sstream>

namespace sparseprune::ort {
namespace {

// Names come from models: any bytes. Those outside ASCII pass as they are.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      quoted += escaped;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

template <class T, class Write>
std::string List(const std::vector<T>& values, Write write) {
  std::string list;
  for (const T& value : values) list += (list.empty() ? "" : ",") + write(value);
  return "[" + list + "]";
}

}  // namespace

Json& Json::AddRaw(const char* key, const std::string& value) {
  members_ += (members_.empty() ? "" : ",") + Quoted(key) + ":" + value;
  return *this;
}

Json& Json::Add(const char* key, const std::string& text) { return AddRaw(key, Quoted(text)); }

Json& Json::Add(const char* key, double number) {
  if (!std::isfinite(number)) return AddRaw(key, "null");
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text.exceptions(std::ios::badbit);  // or no memory would leave the number out
  text << number;
  return AddRaw(key, text.str());
}

Json& Json::Add(const char* key, const std::vector<int64_t>& numbers) {
  return AddRaw(key, List(numbers, [](int64_t n) { return std::to_string(n); }));
}

Json& Json::Add(const char* key, const std::vector<Json>& objects) {
  return AddRaw(key, List(objects, [](const Json& object) { return object.Text(); }));
}

}  // namespace sparseprune::ort
