// NumPy arrays as the engine takes them: no silent conversion, which would hide a cost or write
// into a temporary.
#pragma once

#include <pybind11/numpy.h>

#include <string>

#include "engine/graph.h"

namespace sparseprune {

inline Shape ShapeOf(const pybind11::array& array) {
  return Shape(array.shape(), array.shape() + array.ndim());
}

// Raises TypeError, saying `what`, unless `array` is plain float32 memory.
inline void CheckFloats(const pybind11::array& array, const std::string& what) {
  namespace py = pybind11;
  const int plain = py::array::c_style | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if (!py::isinstance<py::array_t<float>>(array) || (array.flags() & plain) != plain)
    throw py::type_error(what + " must be a C-contiguous, aligned float32 array");
}

}  // namespace sparseprune
