// The whole segment that a block lies in: what can be registered with a device, which takes pages. Needs the GIL.
#pragma once

#include "refs.hpp"

namespace py4cpp {

// segment_of(block) -> (address, bytes, keeper): where the segment is mapped, which it is for as long as `keeper`
// lives; its blocks come and go meanwhile. `block` is the base of an array in shared memory that came from C++. METH_O.
PyObject* native_segment_of(PyObject* module, PyObject* block) noexcept;

}  // namespace py4cpp
