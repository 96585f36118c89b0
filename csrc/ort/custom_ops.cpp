#include "ort/custom_ops.h"

#include <array>
#include <map>
#include <memory>
#include <mutex>

#include "ort/custom_op_kernel.h"

namespace sparseprune::ort {
namespace {

// Marks session options that have the operators: ONNX Runtime refuses a domain added twice, but
// only when the session opens.
constexpr char kRegisteredKey[] = "sparseprune.custom_ops";

struct Operator final : abi::CustomOp {
  Api api;
  const CompactOperator* kind;
};

const Operator& Of(const abi::CustomOp* op) { return *static_cast<const Operator*>(op); }

const char* GetName(const abi::CustomOp* op) { return Of(op).kind->name; }
const char* GetCpuProvider(const abi::CustomOp*) { return nullptr; }
size_t CountInputs(const abi::CustomOp*) { return 4; }
size_t CountOutputs(const abi::CustomOp*) { return 1; }
// Values and positions have one type of two, which the kernel checks: undefined takes any.
abi::ElementType GetInputType(const abi::CustomOp*, size_t index) {
  return index == 1 || index == 2 ? abi::ElementType::kUndefined : abi::ElementType::kFloat;
}
abi::ElementType GetOutputType(const abi::CustomOp*, size_t) { return abi::ElementType::kFloat; }
abi::Characteristic GetCharacteristic(const abi::CustomOp*, size_t) {
  return abi::Characteristic::kRequired;
}
abi::MemoryType GetMemoryType(const abi::CustomOp*, size_t) { return abi::MemoryType::kDefault; }

abi::Status* CreateKernel(const abi::CustomOp* op, abi::Table, const abi::KernelInfo* info,
                          void** kernel) {
  const Operator& self = Of(op);
  return Guard(self.api.core, [&] { *kernel = new CustomOpKernel(self.api, *self.kind, info); });
}
abi::Status* ComputeKernel(void* kernel, abi::KernelContext* context) {
  const auto* self = static_cast<const CustomOpKernel*>(kernel);
  return Guard(self->api().core, [&] { self->Run(context); });
}
void DestroyKernel(void* kernel) { delete static_cast<CustomOpKernel*>(kernel); }
abi::Status* InferShape(const abi::CustomOp* op, abi::ShapeInferContext* context) {
  return InferOutputShape(Of(op).api, Of(op).kind->op, context);
}

Operator MakeOperator(const Api& api, const CompactOperator& kind) {
  Operator op{};
  op.api = api;
  op.kind = &kind;
  // ONNX Runtime reads no member that came after this version.
  op.version = api.version;
  op.GetName = GetName;
  op.GetExecutionProviderType = GetCpuProvider;
  op.GetInputType = GetInputType;
  op.GetInputTypeCount = CountInputs;
  op.GetOutputType = GetOutputType;
  op.GetOutputTypeCount = CountOutputs;
  op.KernelDestroy = DestroyKernel;
  op.GetInputCharacteristic = GetCharacteristic;
  op.GetOutputCharacteristic = GetCharacteristic;
  op.GetInputMemoryType = GetMemoryType;
  op.CreateKernelV2 = CreateKernel;
  op.KernelComputeV2 = ComputeKernel;
  op.InferOutputShapeFn = InferShape;
  return op;
}

struct ReleaseDomain {
  abi::Table core;
  void operator()(abi::CustomOpDomain* domain) const { abi::ReleaseCustomOpDomain(core, domain); }
};

class Domain {
 public:
  explicit Domain(const Api& api) : handle_(Create(api), {api.core}) {
    for (size_t i = 0; i < operators_.size(); ++i) {
      operators_[i] = MakeOperator(api, kCompactOperators[i]);
      Check(api.core, abi::CustomOpDomain_Add(api.core, handle(), &operators_[i]));
    }
  }

  abi::CustomOpDomain* handle() const { return handle_.get(); }

 private:
  static abi::CustomOpDomain* Create(const Api& api) {
    abi::CustomOpDomain* made = nullptr;
    Check(api.core, abi::CreateCustomOpDomain(api.core, kCompactDomain, &made));
    return made;
  }

  std::array<Operator, std::size(kCompactOperators)> operators_{};
  // Released when the library is unloaded, which ONNX Runtime does after the last session.
  std::unique_ptr<abi::CustomOpDomain, ReleaseDomain> handle_;
};

}  // namespace

void ExpectOperators(const Api& api, const abi::ApiBase* base) {
  if (api.version >= abi::kOldestOperatorVersion) return;
  throw Error(abi::ErrorCode::kNotImplemented,
              std::string("sparseprune's custom operators need ONNX Runtime 1.17 or a later 1.x, "
                          "got ") +
                  base->GetVersionString());
}

abi::CustomOpDomain* OperatorDomain(const Api& api) {
  static std::mutex mutex;
  static std::map<abi::Table, Domain> domains;  // a process may hold two ONNX Runtimes
  const std::lock_guard<std::mutex> lock(mutex);
  return domains.try_emplace(api.core, api).first->second.handle();
}

void Register(const Api& api, abi::SessionOptions* options) {
  int registered = 0;
  Check(api.core, abi::HasSessionConfigEntry(api.core, options, kRegisteredKey, &registered));
  if (registered != 0) return;
  Check(api.core, abi::AddCustomOpDomain(api.core, options, OperatorDomain(api)));
  Check(api.core, abi::AddSessionConfigEntry(api.core, options, kRegisteredKey, "1"));
}

}  // namespace sparseprune::ort

SPARSEPRUNE_EXPORT sparseprune::abi::Status* RegisterCustomOps(
    sparseprune::abi::SessionOptions* options, const sparseprune::abi::ApiBase* base) {
  using namespace sparseprune::ort;
  const Api api = Connect(base);
  return Guard(api.core, [&] {
    ExpectOperators(api, base);
    Register(api, options);
  });
}
