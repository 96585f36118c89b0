// Reading a node's attributes; part of source.h.
#include "ort/source.h"

namespace sparseprune::ort {
namespace {

const abi::OpAttr* Find(const Api& api, const abi::Node* node, const char* name) {
  const abi::OpAttr* attribute = nullptr;
  abi::Status* status = abi::Node_GetAttributeByName(api.core, node, name, &attribute);
  if (status == nullptr) return attribute;
  // An attribute that is not set may be reported as success with nullptr, or so.
  if (abi::GetErrorCode(api.core, status) != abi::ErrorCode::kNotFound) Check(api.core, status);
  abi::ReleaseStatus(api.core, status);
  return nullptr;
}

template <class T>
std::optional<T> ReadScalar(const Api& api, const abi::Node* node, const char* name,
                            abi::OpAttrType type) {
  const abi::OpAttr* attribute = Find(api, node, name);
  if (attribute == nullptr) return std::nullopt;
  T value{};
  size_t bytes = 0;
  Check(api.core, abi::ReadOpAttr(api.core, attribute, type, &value, sizeof value, &bytes));
  return value;
}

// `T` is std::string or a vector. Asked without room, ONNX Runtime fails and tells the size.
template <class T>
T ReadAll(const Api& api, const abi::OpAttr* attribute, abi::OpAttrType type) {
  size_t bytes = 0;
  if (abi::Status* status = abi::ReadOpAttr(api.core, attribute, type, nullptr, 0, &bytes))
    abi::ReleaseStatus(api.core, status);
  T values(bytes / sizeof(typename T::value_type), {});
  if (bytes > 0)
    Check(api.core, abi::ReadOpAttr(api.core, attribute, type, values.data(), bytes, &bytes));
  return values;
}

template <class T>
std::optional<T> ReadArray(const Api& api, const abi::Node* node, const char* name,
                           abi::OpAttrType type) {
  const abi::OpAttr* attribute = Find(api, node, name);
  if (attribute == nullptr) return std::nullopt;
  return ReadAll<T>(api, attribute, type);
}

}  // namespace

Shape ReadInts(const Api& api, const abi::OpAttr* attribute) {
  return ReadAll<Shape>(api, attribute, abi::OpAttrType::kInts);
}

std::optional<int64_t> ReadInt(const Api& api, const abi::Node* node, const char* name) {
  return ReadScalar<int64_t>(api, node, name, abi::OpAttrType::kInt);
}

std::optional<float> ReadFloat(const Api& api, const abi::Node* node, const char* name) {
  return ReadScalar<float>(api, node, name, abi::OpAttrType::kFloat);
}

std::optional<std::string> ReadString(const Api& api, const abi::Node* node, const char* name) {
  std::optional<std::string> text =
      ReadArray<std::string>(api, node, name, abi::OpAttrType::kString);
  // ONNX Runtime counts the terminating zero in.
  while (text && !text->empty() && text->back() == '\0') text->pop_back();
  return text;
}

std::optional<std::vector<float>> ReadFloats(const Api& api, const abi::Node* node,
                                             const char* name) {
  return ReadArray<std::vector<float>>(api, node, name, abi::OpAttrType::kFloats);
}

std::optional<Shape> ReadInts(const Api& api, const abi::Node* node, const char* name) {
  return ReadArray<Shape>(api, node, name, abi::OpAttrType::kInts);
}

}  // namespace sparseprune::ort
