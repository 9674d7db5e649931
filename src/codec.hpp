// Value <-> wire. Both directions walk with a stack of their own, so nesting costs no call depth. What handles and
// callables mean is the worker's matter, behind Linkage. Any thread, each with its own writer or reader.
#pragma once

#include "wire.hpp"

#include <py4cpp/callable.hpp>
#include <py4cpp/object.hpp>
#include <py4cpp/value.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace py4cpp {

// How values are linked to one worker.
class Linkage {
 public:
  virtual ~Linkage() = default;

  // Sending.
  // The id under which the worker knows this state, if it is one of its own objects or a call it was asked. Throws
  // Error(invalid) for another worker's object.
  virtual std::uint64_t object_id(const ObjectState& state) = 0;
  // The value to send instead, for a state that is no object of the worker: another worker's future.
  virtual Value resolved(const ObjectState& state) = 0;
  // Counts one reference more that the worker will hold.
  virtual std::uint64_t lend_callable(const std::shared_ptr<HostCallable>& callable) = 0;
  virtual void count_array(bool shared, std::uint64_t bytes) noexcept = 0;

  // Receiving. The handle to an object that is now ours to release, and a callable of ours that comes home.
  virtual Object object(std::uint64_t id) = 0;
  virtual Object callable(std::uint64_t id) = 0;
  virtual std::shared_ptr<Block> borrow(const BlockPlace& place) = 0;
};

// Appends one value. `held`, if any, receives every handle in it that must live until the message has been read.
// Throws what Linkage throws; the writer is then to be dropped (Linkage::lend_callable undone for its callables()).
void encode(const Value& value, ValueWriter& writer, Linkage& linkage,
            std::vector<std::shared_ptr<ObjectState>>* held = nullptr);

// All values of a request, in order: names, code and keywords inside the message whatever their size.
void encode(const Request& request, ValueWriter& writer, Linkage& linkage,
            std::vector<std::shared_ptr<ObjectState>>* held = nullptr);

// The next value. Throws BadMessage.
Value decode(ValueReader& reader, Linkage& linkage);

}  // namespace py4cpp
