// Chain: many steps over one object in one round trip. A value: it owns its arguments, and each step returns a new one,
// so a chain can be kept, extended in two ways, and run again. Runs on the worker that was alive when it was begun.
#pragma once

#include <py4cpp/future.hpp>
#include <py4cpp/python.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace py4cpp {

class Chain {
 public:
  Chain(const Chain&);
  Chain(Chain&&) noexcept;
  Chain& operator=(const Chain&);
  Chain& operator=(Chain&&) noexcept;
  ~Chain();

  Chain attr(std::string_view name) const&;
  Chain attr(std::string_view name) &&;

  template <class... Args>
  Chain call(Args&&... args) const& {
    return Chain(*this).call(std::forward<Args>(args)...);
  }
  template <class... Args>
  Chain call(Args&&... args) && {
    detail::place_arguments<detail::Texts::owned>(
        add({Op::call, detail::positional_count<Args...>, detail::named_count<Args...>}, detail::value_count<Args...>),
        std::forward<Args>(args)...);
    return std::move(*this);
  }

  template <class... Args>
  Chain call_method(std::string_view name, Args&&... args) const& {
    return Chain(*this).call_method(name, std::forward<Args>(args)...);
  }
  template <class... Args>
  Chain call_method(std::string_view name, Args&&... args) && {
    return std::move(*this).attr(name).call(std::forward<Args>(args)...);
  }

  // One key, or several as one tuple.
  template <class... Keys>
  Chain item(Keys&&... keys) const& {
    return Chain(*this).item(std::forward<Keys>(keys)...);
  }
  template <class... Keys>
  Chain item(Keys&&... keys) && {
    static_assert(sizeof...(keys) > 0, "item() takes at least one key");
    Value* place = add({Op::item, static_cast<std::uint32_t>(sizeof...(keys))}, sizeof...(keys));
    ((*place++ = Value(std::forward<Keys>(keys))), ...);
    return std::move(*this);
  }

  template <class R = Value>
  R get() const {
    return detail::run<R>(peer(), steps_, values_);
  }
  template <class R = Value>
  Future<R> get_async() const {
    AsyncPeer& asked = peer();
    return Future<R>(asked.run_async(Request{steps_, values_, detail::want_of<R>(asked)}));
  }
  // Assigns to what the last step, an item or an attribute, names. Throws Error(invalid) after any other step.
  template <class T>
  void set(T&& value) const {
    run_set(Value(std::forward<T>(value)));
  }

 private:
  friend class Python;

  Chain(std::shared_ptr<AsyncPeer> peer, Op start, Value value);

  AsyncPeer& peer() const;  // throws Error(invalid) if this has been moved from
  Value* add(Step step, std::size_t values);  // where these go
  void run_set(Value value) const;

  std::shared_ptr<AsyncPeer> peer_;  // null once moved from
  std::vector<Step> steps_;
  std::vector<Value> values_;
};

template <class T>
Chain Python::chain(T&& start) {
  if constexpr (detail::CalledByName<std::remove_reference_t<T>>) {
    return Chain(peer(), Op::name, Value::make(std::string_view(start)));
  } else {
    return Chain(peer(), Op::value, Value(std::forward<T>(start)));
  }
}

}  // namespace py4cpp
