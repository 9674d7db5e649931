// py4cpp._native.as_object(x): in the arguments of a call into C++ it stands for x, as a handle whatever x is. For
// parameters that want one (schemas/wire.fbs, the face of a callable); user code never sees it. Needs the GIL.
#pragma once

#include "refs.hpp"

namespace py4cpp {

// Throws PythonRaised.
Ref as_object(PyObject* object);

// What it stands for, borrowed; null if this is none.
PyObject* stands_for(PyObject* object) noexcept;

}  // namespace py4cpp
