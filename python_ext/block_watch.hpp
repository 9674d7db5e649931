// Which blocks of shared memory are still in use in this process, without keeping them. Needs the GIL.
#pragma once

#include "refs.hpp"

namespace py4cpp {

// py4cpp._native.BlockWatch(): add(batch) watches the block that the arrays of the dict lie in, which came from C++;
// alive() -> how many of those added are still in use. The type, made at first use. Throws PythonRaised.
PyTypeObject* block_watch_type();

}  // namespace py4cpp
