// The Python objects that the host holds handles to, by id. Owned by the server; guarded by the GIL: no function here
// lets go of it before the table is as it should be, and objects die last, since their destructors are user code.
#pragma once

#include "refs.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace py4cpp {

class ObjectTable {
 public:
  // Under an id of our choice: the top bit is set, which no call's id has.
  std::uint64_t add(Ref object);
  // The result of a kept call, under the call's id, and the exception of one that failed.
  void keep(std::uint64_t call, Ref result);
  void keep_exception(std::uint64_t call, Ref exception);

  // A new reference. Throws PythonRaised: the exception of a kept call that failed, or RuntimeError if there is no such
  // object.
  Ref get(std::uint64_t id) const;
  void drop(std::uint64_t id) noexcept;  // nothing if there is none
  void clear() noexcept;

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Ref object;
    bool failed = false;  // the object is the exception that the call raised
  };

  void put(std::uint64_t id, Entry entry);

  static constexpr std::uint64_t ours = std::uint64_t{1} << 63;
  std::uint64_t last_ = ours;
  std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace py4cpp
