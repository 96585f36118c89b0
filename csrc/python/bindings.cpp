// The module `sparseprune._cpu`: checks arrays, releases the GIL, calls the engine.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/isa.h"
#include "engine/largest_mean.h"
#include "engine/largest_product.h"
#include "engine/probe.h"
#include "engine/program.h"
#include "engine/shapes.h"
#include "engine/tuning_run.h"
#include "engine/tuning_text.h"
#include "python/arrays.h"
#include "python/nodes.h"
#include "python/threads.h"

namespace py = pybind11;

namespace sparseprune {
namespace {

std::unique_ptr<Program> MakeProgram(std::vector<Node> nodes, std::vector<ValueId> inputs,
                                     std::vector<ValueId> outputs, const std::string& isa,
                                     const std::string& tuning,
                                     std::vector<bool> channels_last_inputs,
                                     std::vector<bool> channels_last_outputs) {
  Graph graph;
  for (ValueId id : inputs) graph.value_count = std::max(graph.value_count, id + 1);
  for (const Node& node : nodes) graph.value_count = std::max(graph.value_count, node.output + 1);
  graph.nodes = std::move(nodes);
  graph.inputs = std::move(inputs);
  graph.outputs = std::move(outputs);
  graph.channels_last_inputs = std::move(channels_last_inputs);
  graph.channels_last_outputs = std::move(channels_last_outputs);
  return std::make_unique<Program>(std::move(graph), isa, ParseTuning(tuning, ResolveIsa(isa)));
}

// Every array is checked before the engine writes into the first.
std::vector<float*> Room(const std::vector<py::array>& outputs) {
  std::vector<float*> room;
  for (py::array array : outputs) {
    const std::string what = "output " + std::to_string(room.size());
    CheckFloats(array, what);
    if (!array.writeable()) throw py::value_error(what + " is read-only");
    room.push_back(static_cast<float*>(array.mutable_data()));
  }
  return room;
}

void Run(const Program& program, const std::vector<py::array>& inputs,
         const std::vector<py::array>& outputs, size_t threads) {
  std::vector<TensorView> views;
  std::vector<Shape> shapes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    CheckFloats(inputs[i], "input " + std::to_string(i));
    views.push_back({static_cast<const float*>(inputs[i].data()), ShapeOf(inputs[i])});
  }
  const std::vector<float*> room = Room(outputs);
  for (const py::array& array : outputs) shapes.push_back(ShapeOf(array));
  const auto place = [&](size_t i, const Shape& shape) {
    if (shapes[i] != shape)
      throw std::invalid_argument("output " + std::to_string(i) + " must have shape " +
                                  ToString(shape));
    return room[i];
  };
  if (room.size() != program.output_count())
    throw py::value_error("expected " + std::to_string(program.output_count()) +
                          " output arrays, got " + std::to_string(room.size()));
  Threads parallel(threads);
  py::gil_scoped_release unlocked;
  program.Run(views, place, parallel);
}

// The shape of a matrix of floats; raises for anything else.
Shape MatrixShape(const py::array& array, const std::string& what) {
  CheckFloats(array, what);
  if (array.ndim() != 2) throw py::value_error(what + " must have two dimensions");
  return ShapeOf(array);
}

struct Contributions {
  int64_t positions, rows, cols;
  const float *factors, *inputs, *weights;
  float* result;
};

// `factors`, called `what`: [P, 2 R]; `inputs` [P, C]; `weights` and `result` [R, C].
Contributions CheckContributions(const py::array& factors, const std::string& what,
                                 const py::array& inputs, const py::array& weights,
                                 py::array& result) {
  const Shape of_factors = MatrixShape(factors, what), of_inputs = MatrixShape(inputs, "inputs");
  const Shape of_weights = MatrixShape(weights, "weights");
  if (of_factors != Shape{of_inputs[0], 2 * of_weights[0]} || of_weights[1] != of_inputs[1])
    throw py::value_error(what + ", inputs and weights must be [P, 2 R], [P, C] and [R, C]");
  if (MatrixShape(result, "result") != of_weights)
    throw py::value_error("result must have shape " + ToString(of_weights));
  if (!result.writeable()) throw py::value_error("result is read-only");
  return {of_inputs[0],
          of_weights[0],
          of_weights[1],
          static_cast<const float*>(factors.data()),
          static_cast<const float*>(inputs.data()),
          static_cast<const float*>(weights.data()),
          static_cast<float*>(result.mutable_data())};
}

void RunLargestProduct(const py::array& factors, const py::array& inputs, const py::array& weights,
                       py::array result, const std::string& isa) {
  const Contributions c = CheckContributions(factors, "factors", inputs, weights, result);
  const py::gil_scoped_release unlocked;
  LargestProduct({c.positions, c.rows, c.cols, c.factors, nullptr, c.inputs, c.weights, c.result},
                 isa);
}

void RunLargestMean(const py::array& totals, const py::array& inputs, const py::array& weights,
                    py::array result, int64_t count, float nothing, const std::string& isa) {
  const Contributions c = CheckContributions(totals, "totals", inputs, weights, result);
  if (count < 1 || c.positions % count != 0)
    throw py::value_error("count must divide the rows of inputs");
  LargestMeanTask task{};
  task.inputs = count;
  task.positions = c.positions / count;
  task.rows = c.rows;
  task.cols = c.cols;
  task.totals = c.factors;
  task.nothing = nothing;
  task.b = c.inputs;
  task.weights = c.weights;
  task.result = c.result;
  const py::gil_scoped_release unlocked;
  LargestMean(task, isa);
}

std::string TuningOf(const Program& program) {
  return FormatTuning(program.tuning(), program.isa());
}

// In pieces, between which Python may answer Ctrl-C.
std::string Tune(Program& program, const std::vector<Shape>& inputs, double seconds) {
  constexpr double kPieceSeconds = 0.1;
  const py::gil_scoped_release unlocked;
  const std::unique_ptr<TuningRun> tuning = program.StartTuning(inputs, seconds);
  while (!tuning->Go(kPieceSeconds)) {
    const py::gil_scoped_acquire locked;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
  return TuningOf(program);
}

}  // namespace
}  // namespace sparseprune

PYBIND11_MODULE(_cpu, m) {
  using namespace sparseprune;
  using namespace py::literals;
  m.doc() = "Sparse networks on the CPU: the engine behind sparseprune, for NumPy arrays.";
  m.def("available_isas", &AvailableIsas);
  m.def("lanes", &LanesOf, "isa"_a = "");
  m.def("resolve_isa", &ResolveIsa, "isa"_a = "");
  m.def("probe", &ProbeSeconds, "isa"_a = "", py::call_guard<py::gil_scoped_release>());
  m.def("largest_product", &RunLargestProduct, "factors"_a, "inputs"_a, "weights"_a, "result"_a,
        "isa"_a = "");
  m.def("largest_mean", &RunLargestMean, "totals"_a, "inputs"_a, "weights"_a, "result"_a, "count"_a,
        "nothing"_a, "isa"_a = "");
  BindNodes(m);
  py::class_<Program>(m, "Program")
      .def(py::init(&MakeProgram), "nodes"_a, "inputs"_a, "outputs"_a, "isa"_a = "",
           "tuning"_a = "", py::kw_only(), "channels_last_inputs"_a = std::vector<bool>{},
           "channels_last_outputs"_a = std::vector<bool>{})
      .def("output_shapes", &Program::OutputShapes, "inputs"_a)
      .def("run", &Run, "inputs"_a, "outputs"_a, py::kw_only(), "threads"_a = 1)
      .def("tune", &Tune, "inputs"_a, "seconds"_a)
      .def_property_readonly("tuning", &TuningOf);
}
