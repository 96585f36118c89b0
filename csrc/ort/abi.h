// The part of ONNX Runtime's C ABI that the provider and the custom operators use, as facts.
//
// ONNX Runtime hands out tables of function pointers (OrtApi, OrtEpApi) that only ever grow at the
// end, and structures whose fields only ever grow at the end. So a slot number or an offset, once
// published, holds for every later version, and one binary serves them all. Names are those of
// onnxruntime_c_api.h and onnxruntime_ep_c_api.h without their "Ort" prefix; the number after a
// group is the API version (1.N) that brought it. tests/ort/test_abi.py compares every line with
// the official headers where they are at hand.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef _WIN32
#define SPARSEPRUNE_ORT_CALL __stdcall
#else
#define SPARSEPRUNE_ORT_CALL
#endif

namespace sparseprune::abi {

// The first versions with plugin providers that compile, and with a thread pool for custom
// operators. Structures last changed in 23 are all we fill in; 24 has a cheaper way to read a
// shape.
constexpr uint32_t kOldestVersion = 23, kOldestOperatorVersion = 17;
constexpr uint32_t kNewestVersion = 24;

// Objects ONNX Runtime owns and we only point at.
struct Status;
struct Value;
struct TypeInfo;
struct TensorTypeAndShapeInfo;
struct SessionOptions;
struct Logger;
struct ModelMetadata;
struct Graph;
struct Node;
struct ValueInfo;
struct OpAttr;
struct KernelContext;
struct KernelInfo;
struct ShapeInferContext;
struct CustomOpDomain;
struct CustomOp;  // below
struct KeyValuePairs;
struct HardwareDevice;
struct MemoryInfo;
struct MemoryDevice;
struct Allocator;
struct DataTransferImpl;
struct SyncStreamImpl;
struct EpDevice;
struct EpGraphSupportInfo;
struct NodeComputeContext;

enum class ErrorCode : int {
  kFail = 1,
  kInvalidArgument = 2,
  kNotImplemented = 9,
  kInvalidGraph = 10,
  kNotFound = 14,
};
enum class ElementType : int {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kUint16 = 4,
  kInt64 = 7,
  kBool = 9,
  kFloat16 = 10
};
enum class OpAttrType : int { kInt = 1, kInts = 2, kFloat = 3, kFloats = 4, kString = 5 };
enum class Characteristic : int { kRequired = 0 };  // of an operator's input or output
enum class MemoryType : int { kDefault = 0 };
enum class HardwareDeviceType : int { kCpu = 0 };

// --- Tables of functions ------------------------------------------------------------------------

using Table = const void* const*;

struct ApiBase {
  Table(SPARSEPRUNE_ORT_CALL* GetApi)(uint32_t version);
  const char*(SPARSEPRUNE_ORT_CALL* GetVersionString)();
};

// Function number kSlot of a table; calling it takes the table first.
template <size_t kSlot, class Signature>
struct Slot;
template <size_t kSlot, class Result, class... Arguments>
struct Slot<kSlot, Result(Arguments...)> {
  static constexpr size_t kIndex = kSlot;
  using Function = Result(SPARSEPRUNE_ORT_CALL*)(Arguments...);
  Result operator()(Table table, Arguments... arguments) const {
    return reinterpret_cast<Function>(const_cast<void*>(table[kIndex]))(arguments...);
  }
};

// clang-format off
// OrtApi: status (1)
inline constexpr Slot<0, Status*(ErrorCode, const char*)> CreateStatus;
inline constexpr Slot<1, ErrorCode(const Status*)> GetErrorCode;
inline constexpr Slot<2, const char*(const Status*)> GetErrorMessage;
inline constexpr Slot<93, void(Status*)> ReleaseStatus;
// OrtApi: tensors (1; 24 for the reference)
inline constexpr Slot<51, Status*(Value*, void**)> GetTensorMutableData;
inline constexpr Slot<55, Status*(const TypeInfo*, const TensorTypeAndShapeInfo**)> CastTypeInfoToTensorInfo;
inline constexpr Slot<57, Status*(TensorTypeAndShapeInfo**)> CreateTensorTypeAndShapeInfo;
inline constexpr Slot<58, Status*(TensorTypeAndShapeInfo*, ElementType)> SetTensorElementType;
inline constexpr Slot<59, Status*(TensorTypeAndShapeInfo*, const int64_t*, size_t)> SetDimensions;
inline constexpr Slot<60, Status*(const TensorTypeAndShapeInfo*, ElementType*)> GetTensorElementType;
inline constexpr Slot<61, Status*(const TensorTypeAndShapeInfo*, size_t*)> GetDimensionsCount;
inline constexpr Slot<62, Status*(const TensorTypeAndShapeInfo*, int64_t*, size_t)> GetDimensions;
inline constexpr Slot<63, Status*(const TensorTypeAndShapeInfo*, const char**, size_t)> GetSymbolicDimensions;
inline constexpr Slot<65, Status*(const Value*, TensorTypeAndShapeInfo**)> GetTensorTypeAndShape;
inline constexpr Slot<99, void(TensorTypeAndShapeInfo*)> ReleaseTensorTypeAndShapeInfo;
inline constexpr Slot<414, Status*(const Value*, ElementType*, const int64_t**, size_t*)> GetTensorElementTypeAndShapeDataReference;
// OrtApi: a kernel's call (1; 17 for ParallelFor)
inline constexpr Slot<90, Status*(const KernelContext*, size_t, const Value**)> KernelContext_GetInput;
inline constexpr Slot<91, Status*(KernelContext*, size_t, const int64_t*, size_t, Value**)> KernelContext_GetOutput;
inline constexpr Slot<274, Status*(const KernelContext*, void (*)(void*, size_t), size_t, size_t, void*)> KernelContext_ParallelFor;
// OrtApi: registering custom operators, and what their kernels are made from (1; 15 for the last two)
inline constexpr Slot<26, Status*(const char*, CustomOpDomain**)> CreateCustomOpDomain;
inline constexpr Slot<27, Status*(CustomOpDomain*, const CustomOp*)> CustomOpDomain_Add;
inline constexpr Slot<28, Status*(SessionOptions*, CustomOpDomain*)> AddCustomOpDomain;
inline constexpr Slot<101, void(CustomOpDomain*)> ReleaseCustomOpDomain;
inline constexpr Slot<86, Status*(const KernelInfo*, const char*, int64_t*)> KernelInfoGetAttribute_int64;
inline constexpr Slot<163, Status*(const KernelInfo*, const char*, int64_t*, size_t*)> KernelInfoGetAttributeArray_int64;
inline constexpr Slot<244, Status*(const KernelInfo*, char*, size_t*)> KernelInfo_GetNodeName;
inline constexpr Slot<249, Status*(const KernelInfo*, size_t, int*, const Value**)> KernelInfoGetConstantInput_tensor;
// OrtApi: inferring shapes of custom operators (17)
inline constexpr Slot<268, Status*(const ShapeInferContext*, size_t, TensorTypeAndShapeInfo**)> ShapeInferContext_GetInputTypeShape;
inline constexpr Slot<269, Status*(const ShapeInferContext*, const char*, const OpAttr**)> ShapeInferContext_GetAttribute;
inline constexpr Slot<270, Status*(const ShapeInferContext*, size_t, const TensorTypeAndShapeInfo*)> ShapeInferContext_SetOutputTypeShape;
inline constexpr Slot<271, Status*(TensorTypeAndShapeInfo*, const char**, size_t)> SetSymbolicDimensions;
// OrtApi: session options (7; 14 for reading them)
inline constexpr Slot<130, Status*(SessionOptions*, const char*, const char*)> AddSessionConfigEntry;
inline constexpr Slot<237, Status*(const SessionOptions*, const char*, int*)> HasSessionConfigEntry;
inline constexpr Slot<238, Status*(const SessionOptions*, const char*, char*, size_t*)> GetSessionConfigEntry;
// OrtApi: a model's metadata, and freeing what is read of it (1; 23 for a graph's)
inline constexpr Slot<76, Status*(Allocator*, void*)> AllocatorFree;
inline constexpr Slot<78, Status*(Allocator**)> GetAllocatorWithDefaultOptions;
inline constexpr Slot<116, Status*(const ModelMetadata*, Allocator*, const char*, char**)> ModelMetadataLookupCustomMetadataMap;
inline constexpr Slot<118, void(ModelMetadata*)> ReleaseModelMetadata;
inline constexpr Slot<387, Status*(const Graph*, ModelMetadata**)> Graph_GetModelMetadata;
// OrtApi: attributes (17)
inline constexpr Slot<272, Status*(const OpAttr*, OpAttrType, void*, size_t, size_t*)> ReadOpAttr;
// OrtApi: devices and values of a graph (22)
inline constexpr Slot<289, Status*(const ValueInfo*, const char**)> GetValueInfoName;
inline constexpr Slot<290, Status*(const ValueInfo*, const TypeInfo**)> GetValueInfoTypeInfo;
inline constexpr Slot<307, HardwareDeviceType(const HardwareDevice*)> HardwareDevice_Type;
inline constexpr Slot<317, Table()> GetEpApi;
// OrtApi: graphs and nodes (23)
inline constexpr Slot<326, Status*(const ValueInfo*, const Value**)> ValueInfo_GetInitializerValue;
inline constexpr Slot<330, Status*(const ValueInfo*, bool*)> ValueInfo_IsGraphOutput;
inline constexpr Slot<331, Status*(const ValueInfo*, bool*)> ValueInfo_IsConstantInitializer;
inline constexpr Slot<344, Status*(const Graph*, size_t*)> Graph_GetNumNodes;
inline constexpr Slot<345, Status*(const Graph*, const Node**, size_t)> Graph_GetNodes;
inline constexpr Slot<346, Status*(const Graph*, const Node**)> Graph_GetParentNode;
inline constexpr Slot<349, Status*(const Node*, const char**)> Node_GetName;
inline constexpr Slot<350, Status*(const Node*, const char**)> Node_GetOperatorType;
inline constexpr Slot<351, Status*(const Node*, const char**)> Node_GetDomain;
inline constexpr Slot<352, Status*(const Node*, int*)> Node_GetSinceVersion;
inline constexpr Slot<353, Status*(const Node*, size_t*)> Node_GetNumInputs;
inline constexpr Slot<354, Status*(const Node*, const ValueInfo**, size_t)> Node_GetInputs;
inline constexpr Slot<355, Status*(const Node*, size_t*)> Node_GetNumOutputs;
inline constexpr Slot<356, Status*(const Node*, const ValueInfo**, size_t)> Node_GetOutputs;
inline constexpr Slot<357, Status*(const Node*, size_t*)> Node_GetNumImplicitInputs;
inline constexpr Slot<358, Status*(const Node*, const ValueInfo**, size_t)> Node_GetImplicitInputs;
inline constexpr Slot<361, Status*(const Node*, const char*, const OpAttr**)> Node_GetAttributeByName;
// clang-format on

// --- Structures we fill in (17; 23)
// -----------------------------------------------------------------

// Members that hold nullptr are optional callbacks we have no use for.
struct CustomOp {
  uint32_t version;
  void* CreateKernel;  // the next form of it, below, is there since 16
  const char*(SPARSEPRUNE_ORT_CALL* GetName)(const CustomOp*);
  const char*(SPARSEPRUNE_ORT_CALL* GetExecutionProviderType)(const CustomOp*);
  ElementType(SPARSEPRUNE_ORT_CALL* GetInputType)(const CustomOp*, size_t index);
  size_t(SPARSEPRUNE_ORT_CALL* GetInputTypeCount)(const CustomOp*);
  ElementType(SPARSEPRUNE_ORT_CALL* GetOutputType)(const CustomOp*, size_t index);
  size_t(SPARSEPRUNE_ORT_CALL* GetOutputTypeCount)(const CustomOp*);
  void* KernelCompute;
  void(SPARSEPRUNE_ORT_CALL* KernelDestroy)(void* kernel);
  Characteristic(SPARSEPRUNE_ORT_CALL* GetInputCharacteristic)(const CustomOp*, size_t index);
  Characteristic(SPARSEPRUNE_ORT_CALL* GetOutputCharacteristic)(const CustomOp*, size_t index);
  MemoryType(SPARSEPRUNE_ORT_CALL* GetInputMemoryType)(const CustomOp*, size_t index);
  void* GetVariadicInputMinArity;
  void* GetVariadicInputHomogeneity;
  void* GetVariadicOutputMinArity;
  void* GetVariadicOutputHomogeneity;
  Status*(SPARSEPRUNE_ORT_CALL* CreateKernelV2)(const CustomOp*, Table, const KernelInfo*,
                                                void** kernel);
  Status*(SPARSEPRUNE_ORT_CALL* KernelComputeV2)(void* kernel, KernelContext*);
  Status*(SPARSEPRUNE_ORT_CALL* InferOutputShapeFn)(const CustomOp*, ShapeInferContext*);
  void* GetStartVersion;
  void* GetEndVersion;
  void* GetMayInplace;
  void* ReleaseMayInplace;
  void* GetAliasMap;
  void* ReleaseAliasMap;
};

struct NodeFusionOptions {
  uint32_t ort_version_supported;
  bool drop_constant_initializers;
};

struct NodeComputeInfo {
  uint32_t ort_version_supported;
  Status*(SPARSEPRUNE_ORT_CALL* CreateState)(NodeComputeInfo*, NodeComputeContext*, void** state);
  Status*(SPARSEPRUNE_ORT_CALL* Compute)(NodeComputeInfo*, void* state, KernelContext*);
  void(SPARSEPRUNE_ORT_CALL* ReleaseState)(NodeComputeInfo*, void* state);
};

struct Ep {
  uint32_t ort_version_supported;
  const char*(SPARSEPRUNE_ORT_CALL* GetName)(const Ep*);
  Status*(SPARSEPRUNE_ORT_CALL* GetCapability)(Ep*, const Graph*, EpGraphSupportInfo*);
  Status*(SPARSEPRUNE_ORT_CALL* Compile)(Ep*, const Graph** graphs, const Node** fused_nodes,
                                         size_t count, NodeComputeInfo**, Node** ep_context_nodes);
  void(SPARSEPRUNE_ORT_CALL* ReleaseNodeComputeInfos)(Ep*, NodeComputeInfo**, size_t count);
  void* GetPreferredDataLayout;
  void* ShouldConvertDataLayoutForOp;
  void* SetDynamicOptions;
  void* OnRunStart;
  void* OnRunEnd;
  void* CreateAllocator;
  void* CreateSyncStreamForDevice;
  void* GetCompiledModelCompatibilityInfo;
};

struct EpFactory {
  uint32_t ort_version_supported;
  const char*(SPARSEPRUNE_ORT_CALL* GetName)(const EpFactory*);
  const char*(SPARSEPRUNE_ORT_CALL* GetVendor)(const EpFactory*);
  Status*(SPARSEPRUNE_ORT_CALL* GetSupportedDevices)(EpFactory*, const HardwareDevice* const*,
                                                     size_t count, EpDevice**, size_t room,
                                                     size_t* made);
  Status*(SPARSEPRUNE_ORT_CALL* CreateEp)(EpFactory*, const HardwareDevice* const*,
                                          const KeyValuePairs* const*, size_t count,
                                          const SessionOptions*, const Logger*, Ep**);
  void(SPARSEPRUNE_ORT_CALL* ReleaseEp)(EpFactory*, Ep*);
  uint32_t(SPARSEPRUNE_ORT_CALL* GetVendorId)(const EpFactory*);
  const char*(SPARSEPRUNE_ORT_CALL* GetVersion)(const EpFactory*);
  void* ValidateCompiledModelCompatibilityInfo;
  Status*(SPARSEPRUNE_ORT_CALL* CreateAllocator)(EpFactory*, const MemoryInfo*,
                                                 const KeyValuePairs*, Allocator**);
  void(SPARSEPRUNE_ORT_CALL* ReleaseAllocator)(EpFactory*, Allocator*);
  Status*(SPARSEPRUNE_ORT_CALL* CreateDataTransfer)(EpFactory*, DataTransferImpl**);
  bool(SPARSEPRUNE_ORT_CALL* IsStreamAware)(const EpFactory*);
  Status*(SPARSEPRUNE_ORT_CALL* CreateSyncStreamForDevice)(EpFactory*, const MemoryDevice*,
                                                           const KeyValuePairs*, SyncStreamImpl**);
};

#if UINTPTR_MAX == UINT64_MAX
static_assert(sizeof(CustomOp) == 208 && offsetof(CustomOp, CreateKernelV2) == 136);
static_assert(sizeof(NodeFusionOptions) == 8 && sizeof(NodeComputeInfo) == 32);
static_assert(sizeof(Ep) == 104 && offsetof(Ep, Compile) == 24);
static_assert(offsetof(Ep, GetCompiledModelCompatibilityInfo) == 96);
static_assert(sizeof(EpFactory) == 112 && offsetof(EpFactory, ReleaseEp) == 40);
static_assert(offsetof(EpFactory, CreateAllocator) == 72);
static_assert(offsetof(EpFactory, CreateSyncStreamForDevice) == 104);
#endif

// OrtEpApi (22; 23)
// clang-format off
inline constexpr Slot<0, Status*(EpFactory*, const HardwareDevice*, const KeyValuePairs*, const KeyValuePairs*, EpDevice**)> CreateEpDevice;
inline constexpr Slot<2, Status*(EpGraphSupportInfo*, const Node* const*, size_t, const NodeFusionOptions*)> EpGraphSupportInfo_AddNodesToFuse;
// clang-format on

}  // namespace sparseprune::abi
