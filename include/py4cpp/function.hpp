// Function<Sig> and Module: Python's functions and modules as C++ names, from Python::function and Python::module. What
// they name is looked up once in each worker: a call on a worker that was started again looks it up there. They may be
// copied and used from any thread; once their Python is gone, using them throws WorkerDied.
#pragma once

#include <py4cpp/future.hpp>
#include <py4cpp/object.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace py4cpp {

// The worker of a Python, a new one after a restart.
class PeerSource {
 public:
  virtual ~PeerSource();
  virtual std::shared_ptr<AsyncPeer> peer() = 0;
  // Keeps something alive as long as this Python; what was kept under the same key before goes.
  virtual void keep(const void* key, std::shared_ptr<void> thing) = 0;
};

namespace detail {

// Something in Python by name, and the handle to it in the worker where it was looked up last.
class NamedObject {
 public:
  // `start` is Op::name or Op::import_module. Nothing is looked up yet.
  NamedObject(std::weak_ptr<PeerSource> source, Op start, std::string name)
      : source_(std::move(source)), start_(start), name_(std::move(name)) {}

  Object object();
  const std::string& name() const noexcept { return name_; }
  const std::weak_ptr<PeerSource>& source() const noexcept { return source_; }

 private:
  const std::weak_ptr<PeerSource> source_;
  const Op start_;
  const std::string name_;
  std::mutex mutex_;
  std::shared_ptr<AsyncPeer> peer_;
  Object object_;
};

std::shared_ptr<NamedObject> name_object(std::weak_ptr<PeerSource> source, Op start, std::string name);

}  // namespace detail

template <class Signature>
class Function;

template <class R, class... A>
class Function<R(A...)> {
 public:
  explicit Function(std::shared_ptr<detail::NamedObject> named) : named_(std::move(named)) { named_->object(); }

  Function(const Function&) = default;  // nor are they moved from
  Function& operator=(const Function&) = default;
  ~Function() = default;

  R operator()(A... args) const { return named_->object().template call<R>(std::forward<A>(args)...); }
  Object object() const { return named_->object(); }

 private:
  std::shared_ptr<detail::NamedObject> named_;
};

class Module {
 public:
  Module(std::weak_ptr<PeerSource> source, std::string name);
  explicit Module(std::shared_ptr<detail::NamedObject> named) noexcept : named_(std::move(named)) {}

  Module(const Module&) = default;
  Module& operator=(const Module&) = default;
  ~Module() = default;

  // module.function(args...)
  template <class... Args>
  Value operator()(std::string_view function, Args&&... args) const {
    return object().method(function, std::forward<Args>(args)...);
  }
  template <class R = Value, class... Args>
  R call(std::string_view function, Args&&... args) const {
    return object().template method<R>(function, std::forward<Args>(args)...);
  }
  template <class R = Value>
  R attr(std::string_view name) const {
    return object().template attr<R>(name);
  }
  template <class Signature>
  Function<Signature> function(std::string_view function) const {
    return Function<Signature>(
        detail::name_object(named_->source(), Op::name, name() + "." + std::string(function)));
  }

  // What it exports: __all__, or else what doesn't begin with an underscore.
  std::vector<std::string> names() const;
  Module submodule(std::string_view name) const;  // imported if need be
  const std::string& name() const noexcept { return named_->name(); }
  Object object() const { return named_->object(); }

 private:
  std::shared_ptr<detail::NamedObject> named_;
};

template <class Signature>
struct Convert<Function<Signature>> {
  static Value to(const Function<Signature>& function) { return Value::make(function.object()); }
};

template <>
struct Convert<Module> {
  static Value to(const Module& module) { return Value::make(module.object()); }
};

}  // namespace py4cpp
