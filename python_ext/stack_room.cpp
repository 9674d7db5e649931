#include "stack_room.hpp"

#include "refs.hpp"
#include "stack_left.hpp"

namespace py4cpp {

void check_stack_room() {
  constexpr std::size_t needed = std::size_t{256} << 10;  // bytes: what Python may use before it looks again
  if (!stack_almost_full(needed)) return;
  PyErr_SetString(PyExc_RecursionError, "Python and C++ have called each other too deeply: the stack is almost full");
  throw PythonRaised{};
}

}  // namespace py4cpp
