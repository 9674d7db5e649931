// Slice: Python's slice(start, stop, step), as a key or an argument. A value.
#pragma once

#include <py4cpp/value.hpp>

#include <memory>
#include <string>
#include <utility>

namespace py4cpp {

// An Object of no worker. Destroyed from a list, as slices may hold slices.
class SliceObject final : public ObjectState, public detail::Node {
 public:
  SliceObject(Value from, Value to, Value by)
      : ObjectState(Form::slice), start(std::move(from)), stop(std::move(to)), step(std::move(by)) {}
  static std::shared_ptr<SliceObject> make(Value start, Value stop, Value step);

  std::string describe() const override;

  const Value start, stop, step;
};

class Slice {
 public:
  // std::nullopt or None{} where Python's notation leaves a bound out.
  Slice(Value from, Value to, Value by = {}) : start_(std::move(from)), stop_(std::move(to)), step_(std::move(by)) {}

  const Value& start() const noexcept { return start_; }
  const Value& stop() const noexcept { return stop_; }
  const Value& step() const noexcept { return step_; }

  friend bool operator==(const Slice&, const Slice&) = default;

 private:
  Value start_, stop_, step_;
};

template <>
struct Convert<Slice> {
  static Value to(const Slice& slice);
  static Slice from(const Value& value);
};

}  // namespace py4cpp
