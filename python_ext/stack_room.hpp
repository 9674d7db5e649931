// Whether this thread's C stack has room for another call through C++: Python and C++ may call each other deeper than
// Python's own limit of recursion foresees.
#pragma once

namespace py4cpp {

// Throws PythonRaised, RecursionError, when little is left. Needs the GIL.
void check_stack_room();

}  // namespace py4cpp
