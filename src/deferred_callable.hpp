// A C++ callable whose answers, one or many, may come after the call has returned, from other threads.
#pragma once

#include "block.hpp"

#include <py4cpp/callable.hpp>
#include <py4cpp/layout.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace py4cpp {

// An array in a block, with the name it has in a dict.
struct NamedArray {
  std::string name;
  Layout layout;
  const std::byte* data;  // the element with all indices 0
};

// The answer that is owed to one call: values with more to come, then one value or exception, from one thread at a
// time, without waiting. Nothing happens if the worker has ended.
class OwedAnswer {
 public:
  virtual ~OwedAnswer() = default;
  virtual void more(const Value& value) noexcept = 0;
  // A dict of arrays that lie in one block. Takes no memory that it doesn't keep for the next.
  virtual void more(std::span<const NamedArray> arrays, const std::shared_ptr<Block>& block) noexcept = 0;
  virtual void value(const Value& value) noexcept = 0;
  virtual void exception(const std::exception_ptr& exception) noexcept = 0;
};

class DeferredCallable : public HostCallable {
 public:
  // What it throws is the answer.
  virtual void call(std::vector<Value> positional, std::unique_ptr<OwedAnswer> answer) = 0;

  Value call(std::vector<Value>, NamedValues) final {
    throw Error(ErrorKind::invalid, "this can only be called by Python");
  }
};

}  // namespace py4cpp
