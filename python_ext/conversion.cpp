#include "conversion.hpp"

#include <py4cpp/error.hpp>

#include <algorithm>
#include <new>
#include <optional>

namespace py4cpp {

namespace {

// Allocations above this may create a segment, which takes its time.
constexpr std::size_t large_block = std::size_t{1} << 20;

constexpr std::uint64_t most_inline = std::uint64_t{64} << 20;  // of one array or text
constexpr std::size_t comfortable = std::size_t{256} << 20;     // bytes of one message
constexpr std::uint64_t inline_when_crowded = std::uint64_t{1} << 10;

}  // namespace

std::shared_ptr<Block> allocate_block(Arena& arena, std::size_t bytes) {
  try {
    std::optional<GilRelease> others_may_run;
    if (bytes >= large_block) others_may_run.emplace();
    return arena.allocate(bytes);
  } catch (const Error& error) {
    raise_python(error.kind() == ErrorKind::exhausted ? PyExc_MemoryError : PyExc_RuntimeError, error.what());
  }
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (const PythonRaised&) {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_SystemError, "py4cpp: a Python error was lost");
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const Error& error) {
    PyObject* type = error.kind() == ErrorKind::exhausted ? PyExc_MemoryError
                     : error.kind() == ErrorKind::invalid ? PyExc_ValueError
                                                          : PyExc_RuntimeError;
    PyErr_SetString(type, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "an unknown C++ exception");
  }
}

std::uint64_t Conversion::inline_limit_after(std::size_t bytes) const noexcept {
  return std::min(inline_limit, bytes < comfortable ? most_inline : inline_when_crowded);
}

std::shared_ptr<Block> Conversion::borrow(const BlockPlace& place) {
  try {
    return ledger.borrow(place);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::exhausted) throw;
    raise_python(PyExc_MemoryError, error.what());
  }
}

}  // namespace py4cpp
