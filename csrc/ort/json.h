// Objects of JSON, built member by member.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sparseprune::ort {

class Json {
 public:
  Json& Add(const char* key, const std::string& text);
  Json& Add(const char* key, const char* text) { return Add(key, std::string(text)); }
  Json& Add(const char* key, bool flag) { return AddRaw(key, flag ? "true" : "false"); }
  // null where it is not finite.
  Json& Add(const char* key, double number);
  Json& Add(const char* key, int64_t number) { return AddRaw(key, std::to_string(number)); }
  Json& Add(const char* key, const std::vector<int64_t>& numbers);
  Json& Add(const char* key, const std::vector<Json>& objects);
  std::string Text() const { return "{" + members_ + "}"; }

 private:
  Json& AddRaw(const char* key, const std::string& value);

  std::string members_;
};

}  // namespace sparseprune::ort
