// ONNX Runtime's graph read once into plain values, so that the steps after need no C calls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ort/tensor.h"

namespace sparseprune::ort {

// An axis as the model declares it: a number, or -1 with a name that may be empty.
struct Axis {
  int64_t extent = -1;
  std::string symbol;
};

struct SourceValue {
  const abi::ValueInfo* handle;
  std::string name;
  abi::ElementType type = abi::ElementType::kUndefined;
  std::vector<Axis> axes;  // empty too when the rank is unknown
  bool constant = false;   // an initializer that no caller can override
  bool leaves = false;     // it is one of the graph's outputs
  bool rows = false;       // of rank 4, with the channels last: see rows.h
};

constexpr int kAbsent = -1;  // an optional input or output that is not there

struct SourceNode {
  const abi::Node* handle;
  std::string name, domain, op;
  std::vector<int> inputs, outputs;  // indices of values, or kAbsent
  std::vector<int> implicit;         // what the bodies of an If, Loop or Scan node read
  int version;                       // the opset that brought the operation as it is here

  // "Conv 'layer1/conv'"; by its output where the node has no name.
  std::string title;
};

struct SourceGraph {
  Api api;
  std::vector<SourceValue> values;
  std::vector<SourceNode> nodes;  // topological order

  // The data of a constant; throws if `value` is not one.
  Tensor Constant(int value) const;
};

SourceGraph ReadGraph(const Api& api, const abi::Graph* graph);
// True for the body of an If, Loop or Scan node.
bool IsNested(const Api& api, const abi::Graph* graph);

std::string ValueName(const Api& api, const abi::ValueInfo* value);
bool IsConstant(const Api& api, const abi::ValueInfo* value);
std::vector<const abi::ValueInfo*> Inputs(const Api& api, const abi::Node* node);
std::vector<const abi::ValueInfo*> Outputs(const Api& api, const abi::Node* node);
std::vector<const abi::ValueInfo*> ImplicitInputs(const Api& api, const abi::Node* node);

// Attributes; nothing when the node does not set them and ONNX has no default.
std::optional<int64_t> ReadInt(const Api& api, const abi::Node* node, const char* name);
std::optional<float> ReadFloat(const Api& api, const abi::Node* node, const char* name);
std::optional<std::string> ReadString(const Api& api, const abi::Node* node, const char* name);
std::optional<std::vector<float>> ReadFloats(const Api& api, const abi::Node* node,
                                             const char* name);
std::optional<Shape> ReadInts(const Api& api, const abi::Node* node, const char* name);
Shape ReadInts(const Api& api, const abi::OpAttr* attribute);

}  // namespace sparseprune::ort
