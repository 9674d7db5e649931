// Python: a worker process that runs Python for this program. Movable; any number of threads may use one at once, and
// every result reaches the call that asked for it. One call runs at a time, in the order given, except those nested in
// a callback. A call throws PythonError (as one of py4cpp::errors) for what Python raised, ConversionError for a result
// that is no R, WorkerDied when the worker ended, TimedOut at its deadline; the next call works, or says why it can't.
#pragma once

#include <py4cpp/arguments.hpp>
#include <py4cpp/array.hpp>
#include <py4cpp/callable.hpp>
#include <py4cpp/config.hpp>
#include <py4cpp/function.hpp>
#include <py4cpp/future.hpp>
#include <py4cpp/monitor.hpp>
#include <py4cpp/object.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace py4cpp {

struct VersionInfo {
  int major = 0, minor = 0, micro = 0;
  std::string releaselevel;  // "final", "candidate", ...
  int serial = 0;
};

// Since the worker started; both directions together.
struct Stats {
  std::uint64_t calls = 0;          // asked of Python
  std::uint64_t arrays_shared = 0;  // sent either way without a copy
  std::uint64_t arrays_copied = 0;
  std::uint64_t bytes_shared = 0;
  std::uint64_t bytes_copied = 0;
  std::uint64_t live_objects = 0;   // Python objects held by handles of this process
  std::uint64_t live_segments = 0;  // shared-memory segments of this process's arena
};

namespace detail {

// The first argument of call(): a name, something callable in Python, or a C++ callable.
template <class F>
concept CalledByName = std::convertible_to<const F&, std::string_view>;

}  // namespace detail

class Chain;
template <class T>
class Collected;

class Python {
 public:
  Python();                        // Python(Config::load())
  explicit Python(Config config);  // starts the worker; throws an Error that says why it couldn't
  ~Python();                       // as stop()
  Python(Python&&) noexcept;
  Python& operator=(Python&&) noexcept;

  // ---- the process
  bool alive() const;
  int pid() const;             // 0 if there is none
  void start();                // Error(invalid) if it is alive
  void start_if_not_alive();
  void stop();                 // lets the running call end for Config::stop_timeout, then SIGTERM, SIGKILL; idempotent
  void interrupt();            // KeyboardInterrupt in the call that is running, if one is
  VersionInfo version_info();
  Stats stats();
  std::filesystem::path cwd();
  void chdir(const std::filesystem::path& directory);

  // ---- evaluate and execute
  template <class R = Value, class... Named>
  R eval(std::string_view expression, Named&&... named) {
    return ask<R>(text_request<Op::expression>(expression, std::forward<Named>(named)...));
  }
  template <class... Named>
  void exec(std::string_view code, Named&&... named) {
    ask<void>(text_request<Op::code>(code, std::forward<Named>(named)...));
  }
  template <class T>
  void set(std::string_view target, T&& value) {
    ask<void>(Prepared<1, 2>{{{{Op::assign}}}, {{Value::make(target), detail::lent(std::forward<T>(value))}}});
  }

  // ---- calls
  template <class R = Value, class F, class... Args>
  R call(F&& function, Args&&... args) {
    return ask<R>(call_request(std::forward<F>(function), std::forward<Args>(args)...));
  }
  template <class R = Value, class T, class... Args>
  R method(const T& object, std::string_view name, Args&&... args) {
    return ask<R>(method_request(object, name, std::forward<Args>(args)...));
  }
  template <class R = Value, class T>
  R attr(const T& object, std::string_view name) {
    return ask<R>(Prepared<2, 2>{{{{Op::value}, {Op::attribute}}}, {{Value(object), Value::make(name)}}});
  }
  // Many steps in one round trip (<py4cpp/chain.hpp>). Text is a dotted name; an Object or a Value is itself.
  template <class T>
  Chain chain(T&& start);
  // What an iterable yields, as a range whose elements are made ahead (<py4cpp/collect.hpp>). Text is a name.
  template <class T = Value, class I>
  Collected<T> collect(I&& iterable, std::size_t prefetch = 4);
  // Names looked up now, and again in a worker that was started again (<py4cpp/function.hpp>).
  template <class Signature>
  Function<Signature> function(std::string_view name) {
    return Function<Signature>(detail::name_object(source(), Op::name, std::string(name)));
  }
  Module module(std::string_view name) { return {source(), std::string(name)}; }
  Object import(std::string_view module);
  Object reload(const Object& module);
  std::string help(std::string_view name);
  std::string help(const Object& object);

  // As call() and method(); what Python prints meanwhile goes to `out`, a std::ostream or a function of a
  // std::string_view, as it is printed: on this thread, one piece at a time, or on others for what other threads of
  // Python print. What `out` throws is raised where Python printed. Only sys.stdout goes there, not descriptor 1.
  template <class R = Value, OutputSink S, class F, class... Args>
  R call_monitor(S&& out, F&& function, Args&&... args) {
    const std::shared_ptr<AsyncPeer> worker = peer();
    const detail::Monitor monitor(out);
    return detail::call_function<R>(*worker, "py4cpp._monitor", "call", monitor.value(),
                                    target(*worker, std::forward<F>(function)), std::forward<Args>(args)...);
  }
  template <class R = Value, OutputSink S, class T, class... Args>
  R method_monitor(S&& out, const T& object, std::string_view name, Args&&... args) {
    const std::shared_ptr<AsyncPeer> worker = peer();
    const detail::Monitor monitor(out);
    return detail::call_function<R>(*worker, "py4cpp._monitor", "method", monitor.value(), object, name,
                                    std::forward<Args>(args)...);
  }

  // ---- without waiting: sent before they return, run in the order given
  template <class R = Value, class... Named>
  Future<R> eval_async(std::string_view expression, Named&&... named) {
    return ask_async<R>(text_request<Op::expression>(expression, std::forward<Named>(named)...));
  }
  template <class... Named>
  Future<void> exec_async(std::string_view code, Named&&... named) {
    return ask_async<void>(text_request<Op::code>(code, std::forward<Named>(named)...));
  }
  template <class R = Value, class F, class... Args>
  Future<R> call_async(F&& function, Args&&... args) {
    return ask_async<R>(call_request(std::forward<F>(function), std::forward<Args>(args)...));
  }
  template <class R = Value, class T, class... Args>
  Future<R> method_async(const T& object, std::string_view name, Args&&... args) {
    return ask_async<R>(method_request(object, name, std::forward<Args>(args)...));
  }

  // ---- arrays and callables
  // In shared memory, uninitialised, row-major, 64-byte aligned. Throws OutOfSharedMemory.
  template <Element T>
  Array<T> array(ShapeArgument shape) {
    return AnyArray::allocate(dtype_of<T>, shape.take()).template as<T>();
  }
  // Makes `function` a global of Python under `name`; with parameter names Python may also pass keywords. A worker
  // that is started again has it again.
  template <class F>
  void export_function(std::string_view name, F&& function, std::initializer_list<std::string_view> parameters = {}) {
    export_callable(name, detail::callable_value(make_callable(std::forward<F>(function),
                                                               {parameters.begin(), parameters.end()})));
  }

  // For extensions of this interface: the worker, started again first if Config::restart says so.
  std::shared_ptr<AsyncPeer> peer() const;
  std::weak_ptr<PeerSource> source() const;  // where peer() comes from; ends with this Python

 private:
  friend class RemoteObjects;
  friend class Timeout;
  class State;

  template <std::size_t StepCount, std::size_t ValueCount>
  struct Prepared {
    std::array<Step, StepCount> steps;
    std::array<Value, ValueCount> values;
  };

  template <class R, std::size_t S, std::size_t V>
  R ask(const Prepared<S, V>& prepared) {
    const std::shared_ptr<AsyncPeer> worker = peer();
    return detail::run<R>(*worker, prepared.steps, prepared.values);
  }
  template <class R, std::size_t S, std::size_t V>
  Future<R> ask_async(const Prepared<S, V>& prepared) {
    const std::shared_ptr<AsyncPeer> worker = peer();
    return Future<R>(worker->run_async(Request{prepared.steps, prepared.values, detail::want_of<R>(*worker)}));
  }

  template <Op op, class... Named>
  static auto text_request(std::string_view text, Named&&... named) {
    static_assert((detail::is_named<std::remove_cvref_t<Named>> && ...),
                  "eval and exec take only named values: \"x\"_a = value");
    Prepared<1, 1 + detail::value_count<Named...>> prepared{{{{op, 0, detail::named_count<Named...>}}}, {}};
    prepared.values[0] = detail::lent(text);
    detail::place_arguments<detail::Texts::lent>(prepared.values.data() + 1, std::forward<Named>(named)...);
    return prepared;
  }
  template <class F, class... Args>
  static auto call_request(F&& function, Args&&... args) {
    constexpr bool by_name = detail::CalledByName<std::remove_reference_t<F>>;
    constexpr Op start = by_name ? Op::name : Op::value;
    Prepared<2, 1 + detail::value_count<Args...>> prepared{
        {{{start}, {Op::call, detail::positional_count<Args...>, detail::named_count<Args...>}}}, {}};
    if constexpr (by_name) prepared.values[0] = detail::lent(std::string_view(function));
    else prepared.values[0] = Value(std::forward<F>(function));
    detail::place_arguments<detail::Texts::lent>(prepared.values.data() + 1, std::forward<Args>(args)...);
    return prepared;
  }
  template <class T, class... Args>
  static auto method_request(const T& object, std::string_view name, Args&&... args) {
    Prepared<3, 2 + detail::value_count<Args...>> prepared{
        {{{Op::value}, {Op::attribute}, {Op::call, detail::positional_count<Args...>, detail::named_count<Args...>}}},
        {}};
    prepared.values[0] = Value(object);
    prepared.values[1] = Value::make(name);
    detail::place_arguments<detail::Texts::lent>(prepared.values.data() + 2, std::forward<Args>(args)...);
    return prepared;
  }
  // What call() would call.
  template <class F>
  static Value target(Peer& worker, F&& function) {
    if constexpr (detail::CalledByName<std::remove_reference_t<F>>) {
      const Step steps[] = {{Op::name}};
      const Value values[] = {Value::make(std::string_view(function))};
      return Value::make(detail::run<Object>(worker, steps, values));
    } else {
      return Value(std::forward<F>(function));
    }
  }
  void export_callable(std::string_view name, const Value& callable);

  std::shared_ptr<State> state_;
};

// While it lives, calls on this thread (not inside callbacks) whose result is a plain Value give a handle.
class [[nodiscard]] RemoteObjects {
 public:
  explicit RemoteObjects(const Python& python);
  ~RemoteObjects();
  RemoteObjects(const RemoteObjects&) = delete;
  RemoteObjects& operator=(const RemoteObjects&) = delete;

 private:
  const void* python_;
};

// While it lives, calls on this thread throw TimedOut once `time` has passed since it was made; the call is
// interrupted. Until Python reacts it may call back all the same, on other threads: what callables given to such a call
// refer to must not be local to who calls.
class [[nodiscard]] Timeout {
 public:
  Timeout(const Python& python, std::chrono::nanoseconds time);
  ~Timeout();
  Timeout(const Timeout&) = delete;
  Timeout& operator=(const Timeout&) = delete;

 private:
  const void* python_;
};

}  // namespace py4cpp
