// The provider's two entry points, and the factory they hand out and take back.
#include <algorithm>
#include <memory>

#include "ort/provider.h"

namespace sparseprune::ort {
namespace {

// The provider's, not ONNX Runtime's; equal to the Python package's.
constexpr char kVersion[] = "0.1.0";

class Factory final : public abi::EpFactory {
 public:
  explicit Factory(const Api& api);
  const Api& api() const { return api_; }

 private:
  Api api_;
};

const Api& ApiOf(abi::EpFactory* self) { return static_cast<Factory*>(self)->api(); }

const char* GetName(const abi::EpFactory*) { return kProviderName; }
const char* GetVendor(const abi::EpFactory*) { return "sparseprune"; }
const char* GetVersion(const abi::EpFactory*) { return kVersion; }
uint32_t GetVendorId(const abi::EpFactory*) { return 0; }  // no PCI vendor
bool IsStreamAware(const abi::EpFactory*) { return false; }

// One device: the CPU.
abi::Status* GetSupportedDevices(abi::EpFactory* self, const abi::HardwareDevice* const* devices,
                                 size_t count, abi::EpDevice** made, size_t room,
                                 size_t* made_count) {
  const Api& api = ApiOf(self);
  *made_count = 0;
  for (size_t i = 0; i < count && *made_count < std::min<size_t>(room, 1); ++i) {
    if (abi::HardwareDevice_Type(api.core, devices[i]) != abi::HardwareDeviceType::kCpu) continue;
    abi::Status* status = abi::CreateEpDevice(api.ep, self, devices[i], nullptr, nullptr, made);
    if (status != nullptr) return status;
    *made_count = 1;
  }
  return nullptr;
}

abi::Status* CreateEp(abi::EpFactory* self, const abi::HardwareDevice* const*,
                      const abi::KeyValuePairs* const*, size_t, const abi::SessionOptions* session,
                      const abi::Logger*, abi::Ep** made) {
  const Api& api = ApiOf(self);
  return Guard(api.core, [&] { *made = new Provider(api, ReadOptions(api, session)); });
}

void ReleaseEp(abi::EpFactory*, abi::Ep* ep) { delete static_cast<Provider*>(ep); }

// Tensors live in ONNX Runtime's own CPU memory: no allocator, no transfer, no stream of ours.
abi::Status* CreateAllocator(abi::EpFactory*, const abi::MemoryInfo*, const abi::KeyValuePairs*,
                             abi::Allocator** made) {
  *made = nullptr;
  return nullptr;
}
void ReleaseAllocator(abi::EpFactory*, abi::Allocator*) {}
abi::Status* CreateDataTransfer(abi::EpFactory*, abi::DataTransferImpl** made) {
  *made = nullptr;
  return nullptr;
}
abi::Status* CreateSyncStream(abi::EpFactory*, const abi::MemoryDevice*, const abi::KeyValuePairs*,
                              abi::SyncStreamImpl** made) {
  *made = nullptr;
  return nullptr;
}

Factory::Factory(const Api& api) : abi::EpFactory{}, api_(api) {
  ort_version_supported = abi::kOldestVersion;
  abi::EpFactory::GetName = ort::GetName;
  abi::EpFactory::GetVendor = ort::GetVendor;
  abi::EpFactory::GetVersion = ort::GetVersion;
  abi::EpFactory::GetVendorId = ort::GetVendorId;
  abi::EpFactory::IsStreamAware = ort::IsStreamAware;
  abi::EpFactory::GetSupportedDevices = ort::GetSupportedDevices;
  abi::EpFactory::CreateEp = ort::CreateEp;
  abi::EpFactory::ReleaseEp = ort::ReleaseEp;
  abi::EpFactory::CreateAllocator = ort::CreateAllocator;
  abi::EpFactory::ReleaseAllocator = ort::ReleaseAllocator;
  abi::EpFactory::CreateDataTransfer = ort::CreateDataTransfer;
  abi::EpFactory::CreateSyncStreamForDevice = CreateSyncStream;
}

abi::EpFactory* MakeFactory(const abi::ApiBase* base, Api api) {
  if (api.version < abi::kOldestVersion)
    throw Error(abi::ErrorCode::kNotImplemented,
                std::string("sparseprune's execution provider needs ONNX Runtime 1.23 or a later "
                            "1.x, got ") +
                    base->GetVersionString());
  api.ep = abi::GetEpApi(api.core);
  return new Factory(api);
}

abi::Status* CreateFactory(const abi::ApiBase* base, abi::EpFactory** made, size_t room,
                           size_t* count) {
  const Api api = Connect(base);
  return Guard(api.core, [&] {
    *count = 0;
    if (room < 1)
      throw Error(abi::ErrorCode::kInvalidArgument, "sparseprune: no room for a factory");
    made[0] = MakeFactory(base, api);
    *count = 1;
  });
}

}  // namespace
}  // namespace sparseprune::ort

SPARSEPRUNE_EXPORT sparseprune::abi::Status* CreateEpFactories(
    const char* /*registered_name*/, const sparseprune::abi::ApiBase* base,
    const sparseprune::abi::Logger*, sparseprune::abi::EpFactory** factories, size_t room,
    size_t* count) {
  return sparseprune::ort::CreateFactory(base, factories, room, count);
}

SPARSEPRUNE_EXPORT sparseprune::abi::Status* ReleaseEpFactory(
    sparseprune::abi::EpFactory* factory) {
  delete static_cast<sparseprune::ort::Factory*>(factory);
  return nullptr;
}
