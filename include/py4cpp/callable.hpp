// C++ in Python's hands: any callable with one signature becomes a HostCallable, which converts arguments that came
// from Python, calls, and converts the result. A HostCallable is called from any thread, from several at once if Python
// does so; what it calls must bear that. Everything else of C++ that Python gets to see is a HostCallable with another
// face: generators (<py4cpp/generator.hpp>) and objects (<py4cpp/host_object.hpp>).
#pragma once

#include <py4cpp/convert_container.hpp>
#include <py4cpp/convert_scalar.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/handle.hpp>
#include <py4cpp/value.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace py4cpp {

// A call whose arguments do not fit the callable: their number, an unknown keyword, a value. Python sees a TypeError.
class ArgumentError final : public ConversionError {
 public:
  using ConversionError::ConversionError;
};

class HostCallable {
 public:
  using NamedValues = std::vector<std::pair<std::string, Value>>;

  // `names` are those of the parameters, for calls with keywords; none, and a keyword is an error. `objects` are the
  // places of those that want a handle, whatever Python passes.
  explicit HostCallable(std::vector<std::string> names = {}, std::span<const std::size_t> objects = {}) noexcept
      : names_(std::move(names)), objects_(objects) {}
  virtual ~HostCallable();
  HostCallable(const HostCallable&) = delete;
  HostCallable& operator=(const HostCallable&) = delete;

  // Throws ArgumentError, and whatever the callable throws.
  virtual Value call(std::vector<Value> positional, NamedValues named) = 0;
  const std::vector<std::string>& names() const noexcept { return names_; }
  std::span<const std::size_t> objects() const noexcept { return objects_; }

  // As what Python shows it: schemas/wire.fbs, the face of a callable. Never changes.
  virtual Value face() const;
  virtual bool is_function() const noexcept { return true; }
  virtual std::string describe() const;  // "<C++ callable>"

 private:
  std::vector<std::string> names_;
  std::span<const std::size_t> objects_;  // of what lives as long as the program
};

// An Object of no worker until it is sent.
class CallableObject final : public ObjectState {
 public:
  explicit CallableObject(std::shared_ptr<HostCallable> callable) noexcept
      : ObjectState(Form::callable), callable_(std::move(callable)) {}

  const std::shared_ptr<HostCallable>& callable() const noexcept { return callable_; }
  std::string describe() const override;

 private:
  std::shared_ptr<HostCallable> callable_;  // never null
};

namespace detail {

// It in Python's hands.
Value callable_value(std::shared_ptr<HostCallable> callable);

template <class R, class... Args>
struct Signature {
  using Result = R;
  static constexpr std::size_t arity = sizeof...(Args);
};

template <class F>
struct SignatureOf {};
template <class R, class... A>
struct SignatureOf<R (*)(A...)> { using type = Signature<R, A...>; };
template <class R, class... A>
struct SignatureOf<R (*)(A...) noexcept> { using type = Signature<R, A...>; };
template <class R, class C, class... A>
struct SignatureOf<R (C::*)(A...)> { using type = Signature<R, A...>; };
template <class R, class C, class... A>
struct SignatureOf<R (C::*)(A...) noexcept> { using type = Signature<R, A...>; };
template <class R, class C, class... A>
struct SignatureOf<R (C::*)(A...) const> { using type = Signature<R, A...>; };
template <class R, class C, class... A>
struct SignatureOf<R (C::*)(A...) const noexcept> { using type = Signature<R, A...>; };
template <class R, class C, class... A>
struct SignatureOf<R (C::*)(A...) &> { using type = Signature<R, A...>; };
template <class R, class C, class... A>
struct SignatureOf<R (C::*)(A...) const&> { using type = Signature<R, A...>; };
template <class F>
  requires std::is_class_v<F> && requires { &F::operator(); }
struct SignatureOf<F> : SignatureOf<decltype(&F::operator())> {};

// What holds an argument while the callable runs: for a parameter that only refers, what it refers to.
template <class P>
struct Parameter {
  using Stored = std::remove_cvref_t<P>;
  static Stored from(const Value& value)
    requires FromPython<Stored>
  {
    return Convert<Stored>::from(value);
  }
  static P pass(Stored& stored) { return static_cast<P&&>(stored); }
};
template <class P>
  requires OneOf<std::remove_cvref_t<P>, std::string_view, const char*>
struct Parameter<P> {
  using Stored = std::string;
  static Stored from(const Value& value) { return string_from(value); }
  static std::remove_cvref_t<P> pass(Stored& stored) {
    if constexpr (std::same_as<std::remove_cvref_t<P>, const char*>) return stored.c_str();
    else return stored;
  }
};
template <class T, std::size_t n>
  requires(!Element<T>)
struct Parameter<std::span<const T, n>> {
  using Stored = std::vector<T>;
  static Stored from(const Value& value)
    requires FromPython<T>
  {
    return Convert<Stored>::from(value);
  }
  static std::span<const T, n> pass(Stored& stored) { return std::span<const T, n>(stored.data(), stored.size()); }
};

template <class P>
concept TakesFromPython = requires(const Value& value, typename Parameter<P>::Stored& stored) {
  Parameter<P>::from(value);
  Parameter<P>::pass(stored);
};

template <class S>
inline constexpr bool signature_travels = false;
template <class R, class... A>
inline constexpr bool signature_travels<Signature<R, A...>> =
    (std::is_void_v<R> || ToPython<std::decay_t<R>>)&&(TakesFromPython<A> && ...);

// Puts the arguments in the order of the parameters. Throws ArgumentError.
std::vector<Value> arrange(std::vector<Value> positional, HostCallable::NamedValues named,
                           const std::vector<std::string>& names, std::size_t arity);
void check_names(const std::vector<std::string>& names, std::size_t arity);
[[noreturn]] void throw_bad_argument(const ConversionError& error, std::size_t index,
                                     const std::vector<std::string>& names);

// The places of the parameters that hold a handle.
template <class... A>
struct ObjectPlaces {
  static constexpr std::size_t count = (std::size_t{0} + ... + (wants_handle<std::remove_cvref_t<A>> ? 1 : 0));
  static constexpr std::array<std::size_t, count> places = [] {
    std::array<std::size_t, count> result{};
    std::size_t place = 0, found = 0;
    ((wants_handle<std::remove_cvref_t<A>> ? void(result[found++] = place++) : void(++place)), ...);
    return result;
  }();
};

template <class F, class S>
class BoundCallable;

template <class F, class R, class... A>
class BoundCallable<F, Signature<R, A...>> final : public HostCallable {
 public:
  template <class G>
  BoundCallable(G&& function, std::vector<std::string> names)
      : HostCallable(std::move(names), ObjectPlaces<A...>::places), function_(std::forward<G>(function)) {}

  Value call(std::vector<Value> positional, NamedValues named) override {
    const std::vector<Value> arguments = arrange(std::move(positional), std::move(named), names(), sizeof...(A));
    return call_with(arguments, std::index_sequence_for<A...>());
  }

 private:
  template <std::size_t... i>
  Value call_with([[maybe_unused]] const std::vector<Value>& arguments, std::index_sequence<i...>) {
    [[maybe_unused]] std::tuple<typename Parameter<A>::Stored...> stored{argument<A>(arguments[i], i)...};
    if constexpr (std::is_void_v<R>) {
      std::invoke(function_, Parameter<A>::pass(std::get<i>(stored))...);
      return {};
    } else {
      return Value(std::invoke(function_, Parameter<A>::pass(std::get<i>(stored))...));
    }
  }

  template <class P>
  typename Parameter<P>::Stored argument(const Value& value, std::size_t index) const {
    try {
      return Parameter<P>::from(value);
    } catch (const ConversionError& error) {
      throw_bad_argument(error, index, names());
    }
  }

  F function_;
};

}  // namespace detail

// A function pointer, or an object with one operator() that is no template, whose parameters and result travel.
template <class F>
concept Callable = !std::is_member_pointer_v<F> && requires { typename detail::SignatureOf<F>::type; } &&
                   detail::signature_travels<typename detail::SignatureOf<F>::type>;

// `names`, if any, are as many as the parameters; else throws Error(invalid).
template <class F>
  requires Callable<std::decay_t<F>>
std::shared_ptr<HostCallable> make_callable(F&& function, std::vector<std::string> names = {}) {
  using Decayed = std::decay_t<F>;
  using Signature = typename detail::SignatureOf<Decayed>::type;
  detail::check_names(names, Signature::arity);
  return std::make_shared<detail::BoundCallable<Decayed, Signature>>(std::forward<F>(function), std::move(names));
}

template <Callable F>
struct Convert<F> {
  static Value to(F function) {
    return detail::callable_value(make_callable(std::move(function)));
  }
};

// Back from Python: a call of the C++ callable it came from, or of the Python one. None is an empty function.
template <class R, class... A>
struct Convert<std::function<R(A...)>> {
  using Function = std::function<R(A...)>;

  static Value to(Function function)
    requires Callable<Function>
  {
    if (!function) return {};
    return detail::callable_value(make_callable(std::move(function)));
  }

  static Function from(const Value& value)
    requires((ToPython<A> && ...) && (std::is_void_v<R> || FromPython<R>))
  {
    if (value.is<None>()) return {};
    const Object* object = value.get_if<Object>();
    if (object == nullptr || object->get() == nullptr) detail::throw_mismatch("a callable", value);
    if (const auto* host = dynamic_cast<const CallableObject*>(object->get())) {
      if (!host->callable()->is_function()) detail::throw_mismatch("a callable", value);
      return [callable = host->callable()](A... args) -> R {
        Value result = callable->call(detail::collect(std::forward<A>(args)...), {});
        if constexpr (!std::is_void_v<R>) return result.template as<R>();
      };
    }
    return [function = *object](A... args) -> R { return function.template call<R>(std::forward<A>(args)...); };
  }
};

}  // namespace py4cpp

#include <py4cpp/object.hpp>
