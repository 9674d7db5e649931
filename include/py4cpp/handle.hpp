// Object: a handle to something that lives in Python, or that will once it is sent there (a callable, a slice, a
// timedelta). Copies share the handle; when the last one goes, the Python object is released with the next message.
// Any thread may use a handle; every operation but those marked "local" asks Python, and throws WorkerDied when its
// worker is gone, Error(invalid) when there is no worker to ask.
//
// The bodies of the templates are in <py4cpp/object.hpp>, which is what to include.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace py4cpp {

class Peer;
class Value;

// What an Object points to. The subclasses are in <py4cpp/object.hpp>, the one for C++ callables in
// <py4cpp/callable.hpp>; layers above may derive more.
class ObjectState {
 public:
  enum class Form : std::uint8_t {
    remote,     // RemoteObject: kept by a worker
    callable,   // CallableObject
    slice,      // SliceObject
    timedelta,  // TimedeltaObject
    other       // what a layer above adds; told apart by dynamic_cast
  };

  explicit ObjectState(Form form) noexcept : form_(form) {}
  virtual ~ObjectState();
  ObjectState(const ObjectState&) = delete;
  ObjectState& operator=(const ObjectState&) = delete;

  Form form() const noexcept { return form_; }
  // For to_string and error texts; never asks Python.
  virtual std::string describe() const = 0;

 private:
  Form form_;
};

class ObjectIterator;

class Object {
 public:
  Object() noexcept = default;  // refers to nothing: every use throws Error(invalid)
  explicit Object(std::shared_ptr<ObjectState> state) noexcept : state_(std::move(state)) {}

  // self(args...) and self.name(args...). Named arguments mix in anywhere. R = void leaves the result in Python.
  template <class R = Value, class... Args>
  R call(Args&&... args) const;
  template <class... Args>
  Value operator()(Args&&... args) const;
  template <class R = Value, class... Args>
  R method(std::string_view name, Args&&... args) const;

  template <class R = Value>
  R attr(std::string_view name) const;
  template <class T>
  void set_attr(std::string_view name, T&& value) const;

  // self[key], self[key, key, ...]; the last argument of set_item is the value.
  template <class R = Value, class... Keys>
  R item(Keys&&... keys) const;
  template <class... KeysAndValue>
  void set_item(KeysAndValue&&... keys_and_value) const;
  template <class... Keys>
  void del_item(Keys&&... keys) const;

  std::size_t len() const;
  template <class T>
  bool contains(T&& element) const;

  std::vector<std::string> slots() const;    // names of the attributes that can't be called
  std::vector<std::string> methods() const;  // names of those that can
  std::string str() const;
  std::string repr() const;
  std::string type() const;  // "dict", "numpy.ndarray"

  // The object's value as T. Throws ConversionError.
  template <class T>
  T as() const;

  // The C++ object behind what host_object() made, wherever it has been (<py4cpp/host_object.hpp>). Throws
  // ConversionError if this is no such object, or of another T.
  template <class T>
  T& host() const;
  template <class T>
  std::shared_ptr<T> host_ptr() const;

  // Python's iterator, one step a round trip, except over a range, tuple, str, bytes or frozenset, which nothing can
  // change: there many elements come at a time. What is to be made ahead of the loop: Python::collect().
  ObjectIterator begin() const;
  ObjectIterator end() const;

  // Local.
  const std::shared_ptr<ObjectState>& state() const noexcept { return state_; }
  const ObjectState* get() const noexcept { return state_.get(); }
  // The worker to ask. Throws Error(invalid) if this is not (yet) an object of one.
  Peer& peer() const;
  std::string describe() const;
  // Whether both are the same handle, or handles to one id of one worker. `==` asks Python instead.
  bool same(const Object& other) const noexcept;

 private:
  std::shared_ptr<ObjectState> state_;
};

}  // namespace py4cpp
