// Where the output of a monitored call goes while it runs: a std::ostream, which is flushed after each piece, or any
// function of a std::string_view. Used by Python::call_monitor and method_monitor.
#pragma once

#include <py4cpp/callable.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace py4cpp {

template <class T>
concept OutputSink = std::derived_from<std::remove_cvref_t<T>, std::ostream> ||
                     (!std::convertible_to<const std::remove_cvref_t<T>&, std::string_view> &&
                      std::invocable<std::remove_reference_t<T>&, std::string_view>);

namespace detail {

// What Python calls with each piece. One piece at a time, whichever of Python's threads printed it; once closed, and no
// call is inside then, it says that it takes no more.
class MonitorSink final : public HostCallable {
 public:
  explicit MonitorSink(std::function<void(std::string_view)> target) : target_(std::move(target)) {}

  Value call(std::vector<Value> positional, NamedValues named) override;
  void close() noexcept;

 private:
  std::recursive_mutex mutex_;  // what the target does may print
  std::function<void(std::string_view)> target_;
  bool open_ = true;
};

// Refers to the sink it was made of while it lives.
class Monitor {
 public:
  template <OutputSink S>
  explicit Monitor(S& sink) : sink_(std::make_shared<MonitorSink>(function_of(sink))) {}
  ~Monitor() { sink_->close(); }
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  Value value() const { return Value::make(Object(std::make_shared<CallableObject>(sink_))); }

 private:
  template <class S>
  static std::function<void(std::string_view)> function_of(S& sink) {
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
