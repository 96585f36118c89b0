// A Parallel for callers without a pool of their own: threads that live for one call.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

#include "engine/parallel.h"

namespace sparseprune {

class Threads final : public Parallel {
 public:
  explicit Threads(size_t width) : width_(std::max<size_t>(width, 1)) {}

  void For(size_t count, void (*task)(void*, size_t), void* context) noexcept override {
    std::atomic<size_t> next{0};
    const auto work = [&] {
      for (size_t i; (i = next.fetch_add(1)) < count;) task(context, i);
    };
    std::vector<std::thread> others;
    try {
      others.reserve(std::min(width_, count));  // a thread that started is never lost
      for (size_t i = 1; i < std::min(width_, count); ++i) others.emplace_back(work);
    } catch (const std::exception&) {
      // The system gives no more threads or no memory: those that started, and this one, do all.
    }
    work();
    for (std::thread& other : others) other.join();
  }
  size_t width() const override { return width_; }

 private:
  size_t width_;
};

}  // namespace sparseprune
