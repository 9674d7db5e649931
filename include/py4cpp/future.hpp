// Future<R>: the result of a call that was not waited for. Copies share it. Dropping the last one neither waits nor
// throws. Any number of threads may use one future; its members block only where they say so.
//
// A future may be an argument of any further call: to its own worker nothing is waited for, since the host names a
// result before it exists; to another worker its value is waited for and sent.
#pragma once

#include <py4cpp/convert.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/object.hpp>
#include <py4cpp/value.hpp>

#include <chrono>
#include <concepts>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace py4cpp {

// The state futures share, whoever runs the call.
class PendingCall {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~PendingCall();

  virtual bool ready() = 0;
  virtual bool wait(std::optional<Clock::time_point> deadline) = 0;  // false at the deadline
  virtual Value result() = 0;                                         // waits; throws what the call threw, each time
  virtual void cancel() noexcept = 0;
  virtual void when_ready(std::function<void()> continuation) = 0;    // on py4cpp's executor, once
};

// A Peer that can also be asked without waiting.
class AsyncPeer : public Peer {
 public:
  virtual std::shared_ptr<PendingCall> run_async(const Request& request) = 0;
};

// A future as an argument.
class FutureObject final : public ObjectState {
 public:
  explicit FutureObject(std::shared_ptr<PendingCall> call) : ObjectState(Form::other), call_(std::move(call)) {}

  const std::shared_ptr<PendingCall>& call() const noexcept { return call_; }
  std::string describe() const override;

 private:
  std::shared_ptr<PendingCall> call_;
};

template <class R = Value>
class Future;

namespace detail {

// So much from now; what is too far off for the clock is the last it can say.
template <class Clock, class Rep, class Period>
typename Clock::time_point time_after(std::chrono::duration<Rep, Period> time) {
  using Seconds = std::chrono::duration<double>;
  const auto now = Clock::now();
  if (Seconds(time) >= Seconds(Clock::time_point::max() - now) / 2) return Clock::time_point::max();  // a century
  return Seconds(time) > Seconds(0) ? now + std::chrono::ceil<typename Clock::duration>(time) : now;
}

// Runs `work` on py4cpp's executor when the call has its result, or has failed.
std::shared_ptr<PendingCall> follow(const std::shared_ptr<PendingCall>& call, std::function<Value()> work);

// What a continuation takes: the value, nothing after a call of void, or else the future itself, which also holds
// errors.
template <class F, class R>
inline constexpr bool takes_value = std::invocable<F&, R>;
template <class F>
inline constexpr bool takes_value<F, void> = std::invocable<F&>;

template <class F, class R>
decltype(auto) continue_with(F& function, const Future<R>& future) {
  if constexpr (!takes_value<F, R>) {
    return std::invoke(function, future);
  } else if constexpr (std::is_void_v<R>) {
    future.get();
    return std::invoke(function);
  } else {
    return std::invoke(function, future.get());
  }
}

}  // namespace detail

template <class R>
class Future {
 public:
  Future() noexcept = default;  // of no call: every use throws Error(invalid)
  explicit Future(std::shared_ptr<PendingCall> call) noexcept : call_(std::move(call)) {}

  bool valid() const noexcept { return call_ != nullptr; }
  bool ready() const { return call().ready(); }
  void wait() const { call().wait(std::nullopt); }
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> time) const {
    return wait_until(detail::time_after<PendingCall::Clock>(time));
  }
  bool wait_until(PendingCall::Clock::time_point deadline) const { return call().wait(deadline); }

  // Waits. Throws what the call threw, or ConversionError if the result is no R; again at each call.
  R get() const {
    Value value = call().result();
    if constexpr (!std::is_void_v<R>) return value.template as<R>();
  }

  // The call is interrupted, or not started at all; get() then throws errors::KeyboardInterrupt. Does nothing once the
  // result is there.
  void cancel() const noexcept {
    if (call_) call_->cancel();
  }

  // Calls `function` with the result once it is there, on py4cpp's executor, where it may call Python and must not
  // block for long. A function that takes the value isn't called if the call failed: the error is the new future's. One
  // that takes the future itself always is. What it returns must travel to Python and back.
  template <class F>
    requires detail::takes_value<std::decay_t<F>, R> || std::invocable<std::decay_t<F>&, const Future&>
  auto then(F&& function) const {
    using Result = std::decay_t<decltype(detail::continue_with(std::declval<std::decay_t<F>&>(), *this))>;
    call();
    auto continuation = [future = *this, function = std::decay_t<F>(std::forward<F>(function))]() mutable -> Value {
      if constexpr (std::is_void_v<Result>) {
        detail::continue_with(function, future);
        return {};
      } else {
        return Value(detail::continue_with(function, future));
      }
    };
    return Future<Result>(detail::follow(call_, std::move(continuation)));
  }

  const std::shared_ptr<PendingCall>& state() const noexcept { return call_; }

  // co_await resumes on py4cpp's executor: the coroutine may call Python there, and must not block for long.
  struct Awaiter {
    Future future;
    bool await_ready() const { return future.ready(); }
    void await_suspend(std::coroutine_handle<> handle) const {
      future.call().when_ready([handle] { handle.resume(); });
    }
    R await_resume() const { return future.get(); }
  };
  Awaiter operator co_await() const { return {*this}; }

 private:
  PendingCall& call() const {
    if (!call_) throw Error(ErrorKind::invalid, "this future belongs to no call");
    return *call_;
  }

  std::shared_ptr<PendingCall> call_;
};

template <class R>
struct Convert<Future<R>> {
  static Value to(const Future<R>& future) {
    if (!future.valid()) throw Error(ErrorKind::invalid, "a future that belongs to no call can't be an argument");
    return Value::make(Object(std::make_shared<FutureObject>(future.state())));
  }
};

}  // namespace py4cpp
