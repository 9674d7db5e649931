// The arguments of one Python call, and the call. Needs the GIL.
#pragma once

#include "refs.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace py4cpp {

// Owns the references it is given. A few arguments need no heap.
class CallArguments {
 public:
  CallArguments() noexcept = default;
  CallArguments(const CallArguments&) = delete;
  CallArguments& operator=(const CallArguments&) = delete;
  ~CallArguments();

  void add(Ref value);                     // positional; before the first named one
  void add_named(Ref keyword, Ref value);  // keyword: a str

  Ref call(PyObject* function);  // throws PythonRaised

 private:
  void push(Ref value);

  // The first place is left free, for the callee's `self`.
  static constexpr std::size_t few = 8;
  std::array<PyObject*, few + 1> small_{};
  std::vector<PyObject*> large_;
  std::size_t size_ = 0;
  std::vector<Ref> keywords_;
};

}  // namespace py4cpp
