// Who runs the tasks is the host's business: ONNX Runtime's pool inside a session, one thread else.
#pragma once

#include <cstddef>

namespace sparseprune {

class Parallel {
 public:
  virtual ~Parallel() = default;
  // Calls task(context, i) once for each i in [0, count); may run them at once. `task` never
  // throws, nor does this: where no other thread can be had, the caller's runs them all.
  virtual void For(size_t count, void (*task)(void* context, size_t index),
                   void* context) noexcept = 0;
  // A hint for how many tasks are worth making; 1 means serial.
  virtual size_t width() const = 0;
};

class Serial final : public Parallel {
 public:
  void For(size_t count, void (*task)(void*, size_t), void* context) noexcept override {
    for (size_t i = 0; i < count; ++i) task(context, i);
  }
  size_t width() const override { return 1; }
};

}  // namespace sparseprune
