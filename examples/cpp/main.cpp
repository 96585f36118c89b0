// Runs a model sparse and dense, compares what they answer, and prints how long each takes.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "inputs.h"
#include "sparse_session.h"

namespace {

constexpr char kUsage[] =
    "usage: compare LIBRARY MODEL [--threads N] [--runs N] [--set OPTION=VALUE]...\n"
    "  LIBRARY  libsparseprune_ort.so\n"
    "  MODEL    an ONNX file with float32 inputs\n"
    "  --set    an option of the provider, such as min_sparsity=0.5\n";
// Two float32 evaluations of one network agree to half of float32's digits, relative to the
// largest output; a wrong layer is far off.
const double kTolerance = std::sqrt(std::numeric_limits<float>::epsilon());

struct Arguments {
  std::string library, model;
  int threads = 1, runs = 50;
  std::unordered_map<std::string, std::string> settings;
};

int Count(const std::string& text) {
  const int count = std::atoi(text.c_str());
  if (count < 1) throw std::runtime_error("expected a number from 1, got '" + text + "'");
  return count;
}

Arguments Parse(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0) throw std::runtime_error(kUsage);
  Arguments arguments{argv[1], argv[2], 1, 50, {}};
  for (int i = 3; i < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    const size_t equals = value.find('=');
    if (name == "--threads")
      arguments.threads = Count(value);
    else if (name == "--runs")
      arguments.runs = Count(value);
    else if (name == "--set" && equals != std::string::npos)
      arguments.settings[value.substr(0, equals)] = value.substr(equals + 1);
    else
      throw std::runtime_error(kUsage);
  }
  // ONNX Runtime does not tell a provider how many threads a session has.
  arguments.settings.emplace("threads", std::to_string(arguments.threads));
  return arguments;
}

double Milliseconds(Ort::Session& session, std::vector<Tensor>& inputs) {
  const auto start = std::chrono::steady_clock::now();
  Run(session, inputs);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The largest difference, relative to the largest value.
double Difference(const std::vector<float>& found, const std::vector<float>& expected) {
  if (found.size() != expected.size()) throw std::runtime_error("the outputs differ in shape");
  double difference = 0, size = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    // A NaN would be lost in a maximum.
    const double distance = std::abs(static_cast<double>(found[i]) - expected[i]);
    if (!std::isfinite(distance)) throw std::runtime_error("an output is not finite");
    difference = std::max(difference, distance);
    size = std::max(size, std::abs(static_cast<double>(expected[i])));
  }
  return size > 0 ? difference / size : difference;
}

int Compare(const Arguments& arguments) {
  Ort::Env env;
  RegisterSparse(env, arguments.library);
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(arguments.threads);
  Ort::Session dense(env, arguments.model.c_str(), options);
  Ort::Session sparse = OpenSparse(env, arguments.model, std::move(options), arguments.settings);

  std::vector<Tensor> inputs = RandomInputs(dense);
  const double difference = Difference(Run(sparse, inputs), Run(dense, inputs));
  // In turns, so that both meet the same machine.
  std::vector<double> sparse_times, dense_times;
  for (int i = 0; i < arguments.runs; ++i) {
    dense_times.push_back(Milliseconds(dense, inputs));
    sparse_times.push_back(Milliseconds(sparse, inputs));
  }
  const double slow = Median(dense_times), fast = Median(sparse_times);
  std::printf("dense   %9.3f ms\nsparse  %9.3f ms, %.2f times as fast\n", slow, fast, slow / fast);
  std::printf("largest difference %.1e of the largest output\n", difference);
  return difference <= kTolerance ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Compare(Parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
