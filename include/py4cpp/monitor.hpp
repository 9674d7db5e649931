// Where the output of a monitored call goes while it runs: a std::ostream, which is flushed after each piece, or any
// function of a std::string_view. Used by Python::call_monitor and method_monitor.
#pragma once

#include <py4cpp/callable.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <ostream>
#include <string_view>
#include <type_traits>

namespace py4cpp {

template <class T>
concept OutputSink = std::derived_from<std::remove_cvref_t<T>, std::ostream> ||
                     (!std::convertible_to<const std::remove_cvref_t<T>&, std::string_view> &&
                      std::invocable<std::remove_reference_t<T>&, std::string_view>);

namespace detail {

class MonitorSink;

// Refers to the sink it was made of while it lives.
class Monitor {
 public:
  template <OutputSink S>
  explicit Monitor(S& sink) : Monitor(Target(function_of(sink))) {}
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  Value value() const;

 private:
  using Target = std::function<void(std::string_view)>;

  explicit Monitor(Target&& target);
  template <class S>
  static Target function_of(S& sink) {
    if constexpr (std::derived_from<std::remove_const_t<S>, std::ostream>) {
      return [&sink](std::string_view text) { sink << text << std::flush; };
    } else {
      return [&sink](std::string_view text) { std::invoke(sink, text); };
    }
  }

  std::shared_ptr<MonitorSink> sink_;
};

}  // namespace detail

}  // namespace py4cpp
