// What a Python iterable yields, as a C++ range: a generator, a DataLoader, anything with iter(). Elements are made
// ahead of the loop in C++, so Python works on the next ones while C++ works on this one. What yields the same array
// again and again, with other contents, must yield copies, as for Python's list().
#pragma once

#include <py4cpp/future.hpp>
#include <py4cpp/python.hpp>

#include <concepts>
#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace py4cpp {

// One pass over it, as T. Move-only; one thread. Python's iterator goes with it, and with it the elements made ahead.
// What Python raises is thrown where the element would have been.
template <class T>
class Collected {
  static_assert(!std::same_as<T, Object>, "collect values; for handles iterate over the Object itself");

 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    Iterator() noexcept = default;
    explicit Iterator(Collected& range) : range_(&range) { range_->advance(); }

    T& operator*() const { return *range_->element_; }
    T* operator->() const { return &*range_->element_; }
    Iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { range_->advance(); }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.at_end(); }

   private:
    bool at_end() const { return !range_->element_; }

    Collected* range_ = nullptr;
  };

  // `iterator` is one of Python's, `prefetch` how many elements are asked for ahead, at least 1.
  Collected(std::shared_ptr<AsyncPeer> worker, Object iterator, std::size_t prefetch)
      : worker_(std::move(worker)), iterator_(std::move(iterator)), prefetch_(prefetch > 0 ? prefetch : 1) {}
  Collected(Collected&&) noexcept = default;
  Collected& operator=(Collected&&) noexcept = default;

  // Once. Waits for the first element, as ++ does for the next.
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  using Step = std::pair<bool, Value>;  // whether there is one more, and that

  void advance() {
    if (!worker_) throw Error(ErrorKind::invalid, "this range of Python's elements has been moved from");
    element_.reset();
    while (!ended_ && asked_.size() < prefetch_) asked_.push_back(ask());
    if (asked_.empty()) return;
    const Future<Step> next = std::move(asked_.front());
    asked_.pop_front();
    try {
      Step step = next.get();
      if (step.first) {
        element_.emplace(step.second.template as<T>());
        return;
      }
    } catch (...) {
      end_here();
      throw;
    }
    end_here();
  }

  Future<Step> ask() {
    const Value values[] = {Value::make(std::string_view("py4cpp._feed")), Value::make(std::string_view("advance")),
                            Value::make(iterator_)};
    const py4cpp::Step steps[] = {{Op::import_module}, {Op::attribute}, {Op::call, 1, 0}};
    return Future<Step>(worker_->run_async(Request{steps, values, Want::value}));
  }

  void end_here() {
    ended_ = true;
    asked_.clear();
    iterator_ = Object();
  }

  std::shared_ptr<AsyncPeer> worker_;
  Object iterator_;
  std::size_t prefetch_;
  std::deque<Future<Step>> asked_;  // in order
  std::optional<T> element_;
  bool ended_ = false;
};

template <class T, class I>
Collected<T> Python::collect(I&& iterable, std::size_t prefetch) {
  std::shared_ptr<AsyncPeer> worker = peer();
  const Op start = detail::CalledByName<std::remove_reference_t<I>> ? Op::name : Op::value;
  const py4cpp::Step steps[] = {{start}};
  const Value values[] = {Value(std::forward<I>(iterable))};
  const Object object = detail::run<Object>(*worker, steps, values);
  Object iterator = detail::call_function<Object>(*worker, "builtins", "iter", object);
  return Collected<T>(std::move(worker), std::move(iterator), prefetch);
}

}  // namespace py4cpp
