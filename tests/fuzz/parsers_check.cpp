// Bytes from strangers through what reads them: tunings, names written as JSON, encoded weights.
// Built with the sanitizers. SEED SECONDS CURRENT tries changed bytes, each of which lies in the
// file CURRENT while it is tried; FILE... tries what was kept.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/graph.h"
#include "engine/tuning_text.h"
#include "ort/encoding.h"
#include "ort/json.h"
#include "ort/refusal.h"

using namespace sparseprune;

namespace {

constexpr size_t kMostBytes = 4096;

void Expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

void CheckTuning(const std::string& text) {
  const Tuning tuning = ParseTuning(text, "avx2");
  for (const auto& [key, tile] : tuning)
    for (int64_t number : {tile.rows, tile.cols, tile.block_channels, tile.part_rows})
      Expect(number >= 1 && number <= kMaxExtent, "a tile's number is out of range");
  Expect(tuning.empty() || IsTuningText(text), "a tuning that does not say so");
  Expect(ParseTuning(FormatTuning(tuning, "avx2"), "avx2") == tuning, "a tuning changes");
}

// What a JSON string stands for; only the escapes we write.
std::string Unquoted(const std::string& json, size_t at) {
  std::string text;
  for (; json.at(at) != '"'; ++at) {
    Expect(static_cast<unsigned char>(json[at]) >= 0x20, "a control character");
    if (json[at] != '\\') {
      text += json[at];
    } else if (json.at(++at) == 'u') {
      text += static_cast<char>(std::stoi(json.substr(at + 1, 4), nullptr, 16));
      at += 4;
    } else {
      text += json[at];
    }
  }
  Expect(at + 2 == json.size() && json.back() == '}', "the text does not end with its quote");
  return text;
}

void CheckJson(const std::string& name) {
  const std::string json = ort::Json().Add("name", name).Text();
  Expect(json.substr(0, 9) == "{\"name\":\"", "another member");
  Expect(Unquoted(json, 9) == name, "a name changes");
}

// The first bytes say what is stored and how; values and positions are copied, so that reading
// beyond them is seen.
void CheckEncoded(const std::string& bytes) {
  if (bytes.size() < 8) return;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const bool half = byte(0) & 1, wide = byte(0) & 2, mask = byte(0) & 4;
  const int64_t count = 1 + byte(1) + 256 * (byte(2) & 15), stored = 1 + byte(3);
  const size_t value_bytes = static_cast<size_t>(stored) * (half ? 2 : 4);
  const size_t left = bytes.size() - 8;
  if (left < value_bytes) return;
  const std::vector<char> values(bytes.begin() + 8, bytes.begin() + 8 + value_bytes);
  const std::vector<char> positions(bytes.begin() + 8 + value_bytes, bytes.end());
  const int64_t listed = static_cast<int64_t>(positions.size()) / (wide && !mask ? 2 : 1);
  ort::Encoding encoding;
  using Positions = ort::Encoding::Positions;
  using abi::ElementType;
  encoding.kind = mask ? Positions::kBitmask : Positions::kSteps;
  encoding.values = {half ? ElementType::kFloat16 : ElementType::kFloat, {stored}, values.data()};
  encoding.positions = {
      wide ? ElementType::kUint16 : ElementType::kUint8, {listed}, positions.data()};
  try {
    ort::CheckEncoding(encoding, count);
    const Weights weights = ort::Decode(encoding, count);
    Expect(weights.size() == static_cast<size_t>(count), "another number of weights");
    Expect(weights.kept() == ort::KeptCount(encoding), "another number of kept weights");
    Expect(weights.Dense().size() == weights.size(), "another number of dense weights");
  } catch (const ort::Refusal& refusal) {
    Expect(!refusal.reason.empty(), "refused without a reason");
  }
}

void Check(const std::string& bytes) {
  CheckTuning(bytes);
  CheckJson(bytes);
  CheckEncoded(bytes);
}

// The file holds what is tried even if the process dies of it.
class Current {
 public:
  explicit Current(const char* path) {
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    Expect(file >= 0 && ftruncate(file, kMostBytes + sizeof(size_t)) == 0, "no file to write");
    void* memory = mmap(nullptr, kMostBytes + sizeof(size_t), PROT_WRITE, MAP_SHARED, file, 0);
    Expect(memory != MAP_FAILED, "the file cannot be mapped");
    close(file);
    memory_ = static_cast<char*>(memory);
  }
  void Set(const std::string& bytes) {
    const size_t size = bytes.size();
    std::memcpy(memory_, &size, sizeof size);
    std::memcpy(memory_ + sizeof size, bytes.data(), size);
  }

 private:
  char* memory_;
};

std::string Kept(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  size_t size = 0;
  Expect(all.size() >= sizeof size, "a file that was not kept by this program");
  std::memcpy(&size, all.data(), sizeof size);
  return all.substr(sizeof size, size);
}

// Bytes to start from: valid ones of each kind.
std::string Valid(std::mt19937_64& rng) {
  if (rng() % 2 == 0) {
    Tuning tuning;
    for (size_t i = 0; i < rng() % 4; ++i)
      tuning["map=" + std::to_string(rng() % 99) + "x4 kept=10%"] = {1, 2, 64, 256, rng() % 2 == 0};
    return FormatTuning(tuning, "avx2");
  }
  const bool mask = rng() % 2 == 0;
  const size_t stored = 1 + rng() % 40, count = 8 * stored;
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(mask ? 4 : 0);
  bytes[1] = static_cast<char>(count - 1);
  bytes[2] = static_cast<char>((count - 1) / 256);
  bytes[3] = static_cast<char>(stored - 1);
  for (size_t i = 0; i < 4 * stored; ++i) bytes += static_cast<char>(rng());
  for (size_t i = 0; i < stored; ++i)
    bytes += static_cast<char>(mask ? 1u << (rng() % 8) : 1 + rng() % 8);
  return bytes;
}

void Change(std::string& bytes, std::mt19937_64& rng) {
  const char* words[] = {"0",  "-1",  "9223372036854775808", " = ", "tile=", "\n", "\"",
                         "\\", "\x01"};
  const size_t at = rng() % (bytes.size() + 1), size = 1 + rng() % 16;
  switch (rng() % 6) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng() % 8));
      break;
    case 1:
      if (at < bytes.size()) bytes[at] = static_cast<char>(rng() % 2 == 0 ? rng() : -1);
      break;
    case 2:
      bytes.erase(at, size);
      break;
    case 3:
      bytes.insert(at, bytes.substr(at, size));
      break;
    case 4:
      bytes.insert(at, words[rng() % std::size(words)]);
      break;
    default:
      bytes.resize(at);
  }
  bytes.resize(std::min(bytes.size(), kMostBytes));
}

int64_t Fuzz(uint64_t seed, double seconds, Current& current) {
  using Clock = std::chrono::steady_clock;
  std::mt19937_64 rng(seed);
  int64_t count = 0;
  const auto limit = std::chrono::duration<double>(seconds);
  for (const auto start = Clock::now(); Clock::now() - start < limit; ++count) {
    std::string bytes = Valid(rng);
    for (size_t changes = rng() % 5; changes > 0; --changes) Change(bytes, rng);
    current.Set(bytes);
    Check(bytes);
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 4 && std::atof(argv[2]) > 0) {
      Current current(argv[3]);
      std::printf("%lld inputs\n", static_cast<long long>(Fuzz(std::strtoull(argv[1], nullptr, 10),
                                                               std::atof(argv[2]), current)));
      return 0;
    }
    for (int i = 1; i < argc; ++i) {
      std::printf("%s\n", argv[i]);
      std::fflush(stdout);
      Check(Kept(argv[i]));
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
