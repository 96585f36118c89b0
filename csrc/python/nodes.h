// Functions that make the nodes of a network.
#pragma once

#include <pybind11/pybind11.h>

namespace sparseprune {

void BindNodes(pybind11::module_& module);

}  // namespace sparseprune
