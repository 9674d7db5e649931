// Whether shared memory is still in use in this process, without keeping it. Needs the GIL.
#pragma once

#include "refs.hpp"

namespace py4cpp {

// watch(block) -> a py4cpp._native.BlockWatch, whose alive() tells whether anything still refers to the block's bytes.
// `block` is the base of an array in shared memory that came from C++. METH_O.
PyObject* native_watch(PyObject* module, PyObject* block) noexcept;

}  // namespace py4cpp
