// What the headers that `py4cpp bind` writes are made of. One Binding a module and process of the host: bind() says
// which Python its functions run in, the last one wins. Any thread.
#pragma once

#include <py4cpp/python.hpp>

#include <concepts>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace py4cpp {

class Binding {
 public:
  // `module` and `bind` must outlive it: the module's name, and the C++ name of the function to call first.
  Binding(std::string_view module, std::string_view bind) noexcept : module_(module), bind_(bind) {}
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

  void to(const Python& python);  // imports the module
  Module module() const;          // throws Error(invalid) before to(), WorkerDied once that Python is gone

  template <class R>
  R value(std::string_view name) const {
    return module().attr<R>(name);
  }

 private:
  const std::string_view module_, bind_;
  mutable std::mutex mutex_;
  bool is_bound_ = false;
  std::weak_ptr<detail::NamedObject> bound_;  // kept by the Python, so that a static Binding holds nothing of it
};

// The arguments of one call: positional ones, then those options that differ from Python's own defaults.
class BoundCall {
 public:
  BoundCall(const Binding& binding, std::string_view function);

  template <class T>
  BoundCall& positional(T&& value) {
    positional_.push_back(Value(std::forward<T>(value)));
    return *this;
  }
  template <class T>
  BoundCall& named(std::string_view name, T&& value) {
    named_.push_back(Value::make(name));
    named_.push_back(Value(std::forward<T>(value)));
    return *this;
  }
  // An option that is left out when it isn't set, or has its default.
  template <class T>
  BoundCall& option(std::string_view name, const std::optional<T>& value) {
    return value ? named(name, *value) : *this;
  }
  template <class T, class D>
  BoundCall& option(std::string_view name, const T& value, const D& unless) {
    return value == static_cast<T>(unless) ? *this : named(name, value);
  }
  // An option that Python takes by position alone: all before it must be there.
  template <class T>
  BoundCall& positional_option(std::string_view name, const std::optional<T>& value) {
    if (value) add_after_gap(name, Value(*value));
    else gap_ = true;
    return *this;
  }
  // Positional or "name"_a = value.
  template <class T>
  BoundCall& more(T&& argument) {
    if constexpr (detail::is_named<std::remove_cvref_t<T>>) {
      return named(argument.name, std::forward<T>(argument).value);
    } else {
      return positional(std::forward<T>(argument));
    }
  }

  template <class R>
  R call() {
    const Object module = module_.object();
    const std::vector<Step> steps = steps_of_call();
    const std::vector<Value> values = values_of_call(module);
    return detail::run<R>(module.peer(), steps, values);
  }

 private:
  void add_after_gap(std::string_view name, Value value);
  std::vector<Step> steps_of_call() const;
  std::vector<Value> values_of_call(const Object& module) const;

  const Module module_;
  const std::string_view function_;
  std::vector<Value> positional_, named_;
  bool gap_ = false;
};

namespace detail {

template <class T>
concept NamedArgument = is_named<std::remove_cvref_t<T>>;

}  // namespace detail

}  // namespace py4cpp
