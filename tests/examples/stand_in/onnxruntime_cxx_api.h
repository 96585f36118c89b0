// What the C++ example uses of ONNX Runtime's official onnxruntime_cxx_api.h, for machines that
// have ONNX Runtime's library (a Python package holds it) and not its headers. Names, arguments and
// behaviour are the official ones; the C functions behind are called by their slot numbers, which
// never change (csrc/ort/abi.h says why). Ownership is simplified: what is made is not released.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "ort/abi.h"

extern "C" const sparseprune::abi::ApiBase* OrtGetApiBase();

enum OrtAllocatorType { OrtArenaAllocator = 1 };
enum OrtMemType { OrtMemTypeDefault = 0 };
enum ONNXTensorElementDataType { ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1 };

namespace Ort {

namespace stand_in {

using sparseprune::abi::ErrorCode;
using sparseprune::abi::Slot;
using sparseprune::abi::Status;
using sparseprune::abi::Table;
constexpr uint32_t kApiVersion = 23;

inline Table Api() {
  static const Table api = OrtGetApiBase()->GetApi(kApiVersion);
  return api;
}

// Function number kSlot of OrtApi, which gives a status.
template <size_t kSlot, class... Arguments>
void Call(Arguments... arguments) {
  Status* status = Slot<kSlot, Status*(Arguments...)>()(Api(), arguments...);
  if (status != nullptr) throw std::runtime_error(sparseprune::abi::GetErrorMessage(Api(), status));
}

template <class Result, size_t kSlot, class... Arguments>
Result Make(Arguments... arguments) {
  Result result{};
  Call<kSlot>(arguments..., &result);
  return result;
}

inline void* DefaultAllocator() { return Make<void*, 78>(); }

}  // namespace stand_in

class ConstEpDevice {
 public:
  explicit ConstEpDevice(const void* device) : device_(device) {}
  const char* EpName() const {
    return stand_in::Slot<312, const char*(const void*)>()(stand_in::Api(), device_);
  }
  const void* get() const { return device_; }

 private:
  const void* device_;
};

class Env {
 public:
  void RegisterExecutionProviderLibrary(const char* name, const std::string& path) {
    stand_in::Call<301>(env_, name, path.c_str());
  }
  std::vector<ConstEpDevice> GetEpDevices() const {
    const void* const* devices = nullptr;
    size_t count = 0;
    stand_in::Call<303>(static_cast<const void*>(env_), &devices, &count);
    std::vector<ConstEpDevice> found;
    for (size_t i = 0; i < count; ++i) found.emplace_back(devices[i]);
    return found;
  }
  void* get() const { return env_; }

 private:
  static constexpr int kWarning = 2;
  void* env_ = stand_in::Make<void*, 3>(kWarning, "");
};

class SessionOptions {
 public:
  void SetIntraOpNumThreads(int count) { stand_in::Call<24>(options_, count); }
  void AppendExecutionProvider_V2(Env& env, const std::vector<ConstEpDevice>& devices,
                                  const std::unordered_map<std::string, std::string>& settings) {
    std::vector<const void*> pointers;
    for (const ConstEpDevice& device : devices) pointers.push_back(device.get());
    std::vector<const char*> keys, values;
    for (const auto& [key, value] : settings) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
    stand_in::Call<304>(options_, env.get(), pointers.data(), pointers.size(), keys.data(),
                        values.data(), keys.size());
  }
  const void* get() const { return options_; }

 private:
  void* options_ = stand_in::Make<void*, 10>();
};

struct AllocatorWithDefaultOptions {};
using AllocatedStringPtr = std::unique_ptr<char, void (*)(char*)>;

class TensorTypeAndShapeInfo {
 public:
  explicit TensorTypeAndShapeInfo(const void* info) : info_(info) {}
  ONNXTensorElementDataType GetElementType() const {
    return stand_in::Make<ONNXTensorElementDataType, 60>(info_);
  }
  std::vector<int64_t> GetShape() const {
    std::vector<int64_t> shape(stand_in::Make<size_t, 61>(info_));
    stand_in::Call<62>(info_, shape.data(), shape.size());
    return shape;
  }
  size_t GetElementCount() const { return stand_in::Make<size_t, 64>(info_); }

 private:
  const void* info_;
};

class TypeInfo {
 public:
  explicit TypeInfo(const void* type) : type_(type) {}
  TensorTypeAndShapeInfo GetTensorTypeAndShapeInfo() const {
    return TensorTypeAndShapeInfo(stand_in::Make<const void*, 55>(type_));
  }

 private:
  const void* type_;
};

class MemoryInfo {
 public:
  static MemoryInfo CreateCpu(OrtAllocatorType allocator, OrtMemType memory) {
    return MemoryInfo(stand_in::Make<void*, 69>(allocator, memory));
  }
  const void* get() const { return info_; }

 private:
  explicit MemoryInfo(void* info) : info_(info) {}
  void* info_;
};

class Value {
 public:
  explicit Value(void* value) : value_(value) {}
  template <class T>
  static Value CreateTensor(const MemoryInfo& memory, T* data, size_t count, const int64_t* shape,
                            size_t rank) {
    void* value = nullptr;
    stand_in::Call<49>(memory.get(), static_cast<void*>(data), count * sizeof(T), shape, rank,
                       ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value);
    return Value(value);
  }
  TensorTypeAndShapeInfo GetTensorTypeAndShapeInfo() const {
    return TensorTypeAndShapeInfo(stand_in::Make<void*, 65>(static_cast<const void*>(value_)));
  }
  template <class T>
  const T* GetTensorData() const {
    return static_cast<const T*>(stand_in::Make<void*, 51>(value_));
  }
  const void* get() const { return value_; }

 private:
  void* value_;
};

struct RunOptions {
  explicit RunOptions(std::nullptr_t) {}
};

class Session {
 public:
  Session(Env& env, const char* model, const SessionOptions& options)
      : session_(
            stand_in::Make<void*, 7>(static_cast<const void*>(env.get()), model, options.get())) {}
  size_t GetInputCount() const { return stand_in::Make<size_t, 30>(get()); }
  size_t GetOutputCount() const { return stand_in::Make<size_t, 31>(get()); }
  TypeInfo GetInputTypeInfo(size_t i) const {
    return TypeInfo(stand_in::Make<void*, 33>(get(), i));
  }
  AllocatedStringPtr GetInputNameAllocated(size_t i, AllocatorWithDefaultOptions&) const {
    return Name<36>(i);
  }
  AllocatedStringPtr GetOutputNameAllocated(size_t i, AllocatorWithDefaultOptions&) const {
    return Name<37>(i);
  }
  std::vector<Value> Run(const RunOptions&, const char* const* names, const Value* inputs,
                         size_t count, const char* const* output_names, size_t output_count) {
    std::vector<const void*> values;
    for (size_t i = 0; i < count; ++i) values.push_back(inputs[i].get());
    std::vector<void*> outputs(output_count);
    stand_in::Call<9>(session_, static_cast<const void*>(nullptr), names, values.data(), count,
                      output_names, output_count, outputs.data());
    return {outputs.begin(), outputs.end()};
  }

 private:
  const void* get() const { return session_; }
  template <size_t kSlot>
  AllocatedStringPtr Name(size_t i) const {
    char* name = stand_in::Make<char*, kSlot>(get(), i, stand_in::DefaultAllocator());
    return {name, [](char*) {}};
  }
  void* session_;
};

}  // namespace Ort
