// C++ that Python iterates over: generator(function, stop), generator(function returning an optional) and
// generator(range). Passed like any value; Python sees an iterator. A function is called once for each element that
// Python asks for; of a range that can be gone through twice, where nobody can tell, many elements go at a time. What
// the C++ code throws is raised at the loop, and ends the generator. One thread at a time may advance it, as in Python.
#pragma once

#include <py4cpp/callable.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace py4cpp {

// What Python calls for more elements.
class GeneratorSource : public HostCallable {
 public:
  Value call(std::vector<Value> positional, NamedValues named) final;
  Value face() const final;
  bool is_function() const noexcept final { return false; }
  std::string describe() const final;

 protected:
  // `ahead`: whether elements may be made before they are asked for.
  explicit GeneratorSource(bool ahead) noexcept : ahead_(ahead) {}
  virtual std::optional<Value> next() = 0;  // none at the end

 private:
  std::vector<Value> take(std::size_t most);

  const bool ahead_;
  std::atomic<bool> running_{false};
  bool ended_ = false;
  std::exception_ptr error_;  // comes after the elements that were made before it
};

// A generator of either kind; copies are the same one.
class Generator {
 public:
  explicit Generator(std::shared_ptr<GeneratorSource> source) noexcept : source_(std::move(source)) {}
  const std::shared_ptr<GeneratorSource>& source() const noexcept { return source_; }

 private:
  std::shared_ptr<GeneratorSource> source_;
};

template <>
struct Convert<Generator> {
  static Value to(const Generator& generator) {
    if (!generator.source()) throw Error(ErrorKind::invalid, "this generator has been moved from");
    return detail::callable_value(generator.source());
  }
};

namespace detail {

template <class A, class B>
bool equals_stop(const A& element, const B& stop) {
  if constexpr (PlainInteger<A> && PlainInteger<B>) return std::cmp_equal(element, stop);
  else if constexpr (std::equality_comparable_with<A, B>) return element == stop;
  else return Value(element) == Value(stop);
}

template <class F, class Stop>
class StoppedSource final : public GeneratorSource {
 public:
  template <class G, class S>
  StoppedSource(G&& function, S&& stop)
      : GeneratorSource(false), function_(std::forward<G>(function)), stop_(std::forward<S>(stop)) {}

 private:
  std::optional<Value> next() override {
    auto element = std::invoke(function_);
    if (equals_stop(element, stop_)) return std::nullopt;
    return Value(std::move(element));
  }

  F function_;
  Stop stop_;
};

template <class F>
class OptionalSource final : public GeneratorSource {
 public:
  template <class G>
  explicit OptionalSource(G&& function) : GeneratorSource(false), function_(std::forward<G>(function)) {}

 private:
  std::optional<Value> next() override {
    auto element = std::invoke(function_);
    if (!element) return std::nullopt;
    return Value(*std::move(element));
  }

  F function_;
};

template <class R>
class RangeSource final : public GeneratorSource {
 public:
  template <class Q>
  explicit RangeSource(Q&& range) : GeneratorSource(std::ranges::forward_range<R>), range_(std::forward<Q>(range)) {}

 private:
  std::optional<Value> next() override {
    if (at_) ++*at_;
    else at_.emplace(std::ranges::begin(range_));
    if (*at_ == std::ranges::end(range_)) return std::nullopt;
    return Value(static_cast<std::ranges::range_value_t<R>>(**at_));
  }

  R range_;
  std::optional<std::ranges::iterator_t<R>> at_;
};

template <class F>
concept MakesElements = std::invocable<F&> && ToPython<std::decay_t<std::invoke_result_t<F&>>>;
template <class F>
concept MakesOptionals = std::invocable<F&> && is_optional<std::decay_t<std::invoke_result_t<F&>>> &&
                         MakesElements<F>;

}  // namespace detail

// Calls `function` for each element, and ends before the first that equals `stop`.
template <class F, class Stop>
  requires detail::MakesElements<std::decay_t<F>>
Generator generator(F&& function, Stop&& stop) {
  using Source = detail::StoppedSource<std::decay_t<F>, std::decay_t<Stop>>;
  return Generator(std::make_shared<Source>(std::forward<F>(function), std::forward<Stop>(stop)));
}

// Calls `function` for each element, and ends when it returns std::nullopt.
template <class F>
  requires detail::MakesOptionals<std::decay_t<F>>
Generator generator(F&& function) {
  return Generator(std::make_shared<detail::OptionalSource<std::decay_t<F>>>(std::forward<F>(function)));
}

// Goes through a range: a copy of it if it is an lvalue, so nothing has to outlive the call. Views refer to what they
// refer to.
template <class R>
  requires(!std::invocable<std::decay_t<R>&> && std::ranges::input_range<std::remove_cvref_t<R>> &&
           ToPython<std::ranges::range_value_t<std::remove_cvref_t<R>>> &&
           std::constructible_from<std::remove_cvref_t<R>, R>)
Generator generator(R&& range) {
  return Generator(std::make_shared<detail::RangeSource<std::remove_cvref_t<R>>>(std::forward<R>(range)));
}

}  // namespace py4cpp
