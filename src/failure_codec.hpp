// Exceptions <-> wire::Failure, on the host's side.
#pragma once

#include "codec.hpp"
#include "exports.hpp"
#include "message.hpp"

#include <exception>
#include <string>
#include <vector>

namespace py4cpp {

// What a failed call throws: the C++ exception itself if it was one that passed through Python, else the twin of
// Python's. Never null; throws BadMessage.
std::exception_ptr decode_failure(const wire::Failure& failure, Linkage& linkage, const Exports& exports);

// What Python is told of an exception that left a callback. The texts live as long as this.
class EncodedException {
 public:
  EncodedException(const std::exception_ptr& exception, Linkage& linkage, Exports& exports);
  const std::vector<WireException>& list() const noexcept { return list_; }
  // The Python exception that the list names, which must live until the worker has read it; null if none.
  const std::shared_ptr<ObjectState>& object() const noexcept { return object_; }

 private:
  std::string type_;
  std::string message_;
  std::vector<WireException> list_;
  std::shared_ptr<ObjectState> object_;
};

}  // namespace py4cpp
