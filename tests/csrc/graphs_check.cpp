// Networks written by random_graphs.py, on every instruction set: each value within the bound on
// its rounding errors, NaN where the reference says and nowhere else, the same bits on any number
// of threads. Fresh workspaces hold NaN. Run under the sanitizers and under emulation.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/isa.h"
#include "engine/program.h"
#include "engine/tuning_run.h"
#include "python/threads.h"

using namespace sparseprune;

namespace {

struct Expected {
  std::vector<double> values, errors;
};

// One input of a network and what comes out.
struct Sample {
  Shape shape;
  std::vector<float> input;
  std::vector<Expected> outputs;
};

struct Case {
  Graph graph;
  std::vector<Sample> samples;
};

class Reader {
 public:
  explicit Reader(const char* path) : file_(path, std::ios::binary) {
    file_.exceptions(std::ios::badbit | std::ios::failbit);
  }
  bool AtEnd() { return file_.peek() == std::ifstream::traits_type::eof(); }

  int64_t Integer() {
    int64_t value;
    file_.read(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }
  std::array<int64_t, 2> Pair() {
    const int64_t first = Integer();
    return {first, Integer()};
  }
  std::vector<ValueId> Ids() {
    std::vector<ValueId> ids(static_cast<size_t>(Integer()));
    for (ValueId& id : ids) id = static_cast<ValueId>(Integer());
    return ids;
  }
  template <class T>
  std::vector<T> Values() {
    std::vector<T> values(static_cast<size_t>(Integer()));
    file_.read(reinterpret_cast<char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(T)));
    return values;
  }

 private:
  std::ifstream file_;
};

// In the order of graph_forms.py.
Node ReadNode(Reader& from) {
  Node node{};
  node.op = static_cast<Op>(from.Integer());
  node.inputs = from.Ids();
  node.output = static_cast<ValueId>(from.Integer());
  node.name = "n" + std::to_string(node.output);
  Window& w = node.window;
  for (auto* pair : {&w.kernel, &w.stride, &w.dilation, &w.pad_begin, &w.pad_end})
    *pair = from.Pair();
  node.out_channels = from.Integer();
  node.in_channels = from.Integer();
  node.groups = from.Integer();
  node.activation = static_cast<Activation>(from.Integer());
  node.count_padding = from.Integer() != 0;
  node.resize = static_cast<Resize>(from.Integer());
  node.size = from.Pair();
  node.keep_dims = from.Integer() != 0;
  node.weight = from.Values<float>();
  node.bias = from.Values<float>();
  return node;
}

Sample ReadSample(Reader& from, size_t outputs) {
  Sample sample;
  sample.shape.resize(static_cast<size_t>(from.Integer()));
  for (int64_t& extent : sample.shape) extent = from.Integer();
  sample.input = from.Values<float>();
  for (size_t i = 0; i < outputs; ++i) {
    std::vector<double> values = from.Values<double>();
    sample.outputs.push_back({std::move(values), from.Values<double>()});
  }
  return sample;
}

Case ReadCase(Reader& from) {
  Case made;
  made.graph.inputs = {0};
  for (int64_t count = from.Integer(); count > 0; --count)
    made.graph.nodes.push_back(ReadNode(from));
  made.graph.value_count = static_cast<int>(made.graph.nodes.size()) + 1;
  made.graph.outputs = from.Ids();
  for (int64_t count = from.Integer(); count > 0; --count)
    made.samples.push_back(ReadSample(from, made.graph.outputs.size()));
  return made;
}

void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

using Results = std::vector<std::vector<float>>;

Results Run(const Program& program, const Sample& sample, size_t threads) {
  Results results(sample.outputs.size());
  Threads parallel(threads);
  program.Run(
      {{sample.input.data(), sample.shape}},
      [&](size_t i, const Shape&) {
        results[i].assign(sample.outputs[i].values.size(), -12345);
        return results[i].data();
      },
      parallel);
  return results;
}

void CheckBounds(const Results& results, const Sample& sample) {
  for (size_t i = 0; i < results.size(); ++i) {
    const Expected& expected = sample.outputs[i];
    for (size_t k = 0; k < results[i].size(); ++k) {
      const double value = expected.values[k], off = std::abs(results[i][k] - value);
      const bool right = std::isnan(value) ? std::isnan(off) : off <= expected.errors[k];
      Expect(right, "output " + std::to_string(i) + "[" + std::to_string(k) + "] is " +
                        std::to_string(results[i][k]) + ", expected " + std::to_string(value));
    }
  }
}

bool SameBits(const Results& a, const Results& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)) != 0) return false;
  return true;
}

// Samples one after another, again in a used workspace, then all from several threads at once.
void CheckProgram(const Case& tested, const Program& program) {
  std::vector<Results> alone;
  for (const Sample& sample : tested.samples) {
    alone.push_back(Run(program, sample, 1));
    CheckBounds(alone.back(), sample);
    Expect(SameBits(Run(program, sample, 3), alone.back()), "threads change the result");
  }
  std::atomic<bool> same{true};
  std::vector<std::thread> callers;
  for (size_t t = 0; t < 3; ++t)
    callers.emplace_back([&, t] {
      for (size_t i = 0; i < alone.size(); ++i) {
        const size_t at = (i + t) % alone.size();
        if (!SameBits(Run(program, tested.samples[at], 1), alone[at])) same = false;
      }
    });
  for (std::thread& caller : callers) caller.join();
  Expect(same, "runs at the same time disturb each other");
}

// While another thread tunes, answers change by rounding at most.
void CheckTuning(const Case& tested, Program& program, double seconds) {
  std::thread tuner([&] {
    for (const Sample& sample : tested.samples) {
      const auto tuning = program.StartTuning({sample.shape}, seconds);
      while (!tuning->Go(seconds / 4)) continue;
    }
  });
  std::exception_ptr failure;
  try {
    for (const Sample& sample : tested.samples) CheckBounds(Run(program, sample, 2), sample);
  } catch (...) {
    failure = std::current_exception();
  }
  tuner.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace

// The engine aligns workspaces only; they are to hold NaN before they are written.
void* operator new(size_t bytes, std::align_val_t alignment) {
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<size_t>(alignment), bytes) != 0) throw std::bad_alloc();
  return std::memset(memory, 0xff, bytes);
}
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

// CASES [SECONDS]: a file of networks, and how long to tune each for every sample of it.
int main(int argc, char** argv) {
  const double seconds = argc > 2 ? std::atof(argv[2]) : 0;
  int index = 0;
  try {
    for (Reader file(argv[1]); !file.AtEnd(); ++index) {
      const Case tested = ReadCase(file);
      for (const std::string& isa : AvailableIsas()) {
        Program program(tested.graph, isa);
        CheckProgram(tested, program);
        if (seconds > 0) CheckTuning(tested, program, seconds);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "network %d: %s\n", index, error.what());
    return 1;
  }
  std::printf("%d networks\n", index);
  return 0;
}
