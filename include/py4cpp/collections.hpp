// List, Tuple, Set and Dict as a Value holds them: handles to immutable elements, copied by one increment. The first
// three read like a const std::vector<Value>, Dict like an ordered map whose order is that of insertion. Any thread may
// read one. Made whole, never changed. Included by <py4cpp/value.hpp>.
#pragma once

#include <py4cpp/shared_node.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace py4cpp {

class Value;

namespace detail {

class ItemsNode;
class TableNode;

// Whether Args are the elements of a new Self: not for a lone Self (a copy) or a lone vector<Value> (its elements). The
// check must come first: asking whether Self converts to Value while Self is being declared has no answer.
template <class Self, class... Args>
inline constexpr bool lone_collection =
    sizeof...(Args) == 1 && ((std::same_as<std::remove_cvref_t<Args>, Self> ||
                              std::same_as<std::remove_cvref_t<Args>, std::vector<Value>>)&&...);

template <class Self, class... Args>
concept ElementsOf =
    sizeof...(Args) > 0 && !lone_collection<Self, Args...> && (std::convertible_to<Args, Value> && ...);

// The reading side of List, Tuple and Set.
class Sequence {
 public:
  using value_type = Value;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = const Value&;
  using const_reference = const Value&;
  using pointer = const Value*;
  using const_pointer = const Value*;
  using iterator = const Value*;
  using const_iterator = const Value*;
  using reverse_iterator = std::reverse_iterator<const_iterator>;
  using const_reverse_iterator = reverse_iterator;

  std::size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }
  const Value* data() const noexcept;
  const Value& operator[](std::size_t index) const;  // checked as at() is
  const Value& at(std::size_t index) const;          // throws Error(invalid)
  const Value& front() const;
  const Value& back() const;
  const_iterator begin() const noexcept { return data(); }
  const_iterator end() const noexcept;
  const_iterator cbegin() const noexcept { return begin(); }
  const_iterator cend() const noexcept { return end(); }
  const_reverse_iterator rbegin() const noexcept;
  const_reverse_iterator rend() const noexcept;

  const Node* node() const noexcept { return node_.get(); }  // null when empty

 protected:
  Sequence() noexcept = default;
  explicit Sequence(SharedNode node) noexcept : node_(std::move(node)) {}
  static SharedNode make(std::vector<Value> items);
  static SharedNode make_distinct(std::vector<Value> items);

 private:
  SharedNode node_;
};

}  // namespace detail

class List : public detail::Sequence {
 public:
  List() noexcept = default;
  template <class... Args>
    requires detail::ElementsOf<List, Args...>
  explicit List(Args&&... elements);
  explicit List(std::vector<Value> elements);

  friend bool operator==(const List& a, const List& b) { return equal(a, b); }
  friend std::string to_string(const List& list) { return describe(list); }
  friend std::ostream& operator<<(std::ostream& out, const List& list) { return print(out, list); }

 private:
  static bool equal(const List& a, const List& b);
  static std::string describe(const List& list);
  static std::ostream& print(std::ostream& out, const List& list);
};

class Tuple : public detail::Sequence {
 public:
  Tuple() noexcept = default;
  template <class... Args>
    requires detail::ElementsOf<Tuple, Args...>
  explicit Tuple(Args&&... elements);
  explicit Tuple(std::vector<Value> elements);

  friend bool operator==(const Tuple& a, const Tuple& b) { return equal(a, b); }
  friend std::string to_string(const Tuple& tuple) { return describe(tuple); }
  friend std::ostream& operator<<(std::ostream& out, const Tuple& tuple) { return print(out, tuple); }

 private:
  static bool equal(const Tuple& a, const Tuple& b);
  static std::string describe(const Tuple& tuple);
  static std::ostream& print(std::ostream& out, const Tuple& tuple);
};

// Equal elements are kept once, in the order of their first appearance. A frozenset when `frozen`, which `==` ignores.
class Set : public detail::Sequence {
 public:
  Set() noexcept = default;
  template <class... Args>
    requires detail::ElementsOf<Set, Args...>
  explicit Set(Args&&... elements);
  explicit Set(std::vector<Value> elements);

  bool contains(const Value& element) const;
  std::size_t count(const Value& element) const { return contains(element) ? 1 : 0; }
  const_iterator find(const Value& element) const;
  bool frozen() const noexcept { return frozen_; }
  Set freeze() const {
    Set result = *this;
    result.frozen_ = true;
    return result;
  }

  friend bool operator==(const Set& a, const Set& b) { return equal(a, b); }
  friend std::string to_string(const Set& set) { return describe(set); }
  friend std::ostream& operator<<(std::ostream& out, const Set& set) { return print(out, set); }

 private:
  static bool equal(const Set& a, const Set& b);
  static std::string describe(const Set& set);
  static std::ostream& print(std::ostream& out, const Set& set);

  bool frozen_ = false;
};

// Of equal keys the last value counts, at the place of the first.
class Dict {
 public:
  using key_type = Value;
  using mapped_type = Value;
  using value_type = std::pair<Value, Value>;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = const value_type&;
  using const_reference = const value_type&;
  using iterator = const value_type*;
  using const_iterator = const value_type*;

  Dict() noexcept = default;
  Dict(std::initializer_list<std::pair<Value, Value>> pairs);
  explicit Dict(std::vector<std::pair<Value, Value>> pairs);

  std::size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }
  const_iterator begin() const noexcept;
  const_iterator end() const noexcept;
  const_iterator cbegin() const noexcept { return begin(); }
  const_iterator cend() const noexcept { return end(); }

  const_iterator find(const Value& key) const;
  bool contains(const Value& key) const;
  std::size_t count(const Value& key) const { return contains(key) ? 1 : 0; }
  const Value& at(const Value& key) const;  // throws Error(invalid)
  const Value& operator[](const Value& key) const { return at(key); }
  std::vector<Value> keys() const;
  std::vector<Value> values() const;

  const detail::Node* node() const noexcept { return node_.get(); }  // null when empty

  friend bool operator==(const Dict& a, const Dict& b) { return equal(a, b); }
  friend std::string to_string(const Dict& dict) { return describe(dict); }
  friend std::ostream& operator<<(std::ostream& out, const Dict& dict) { return print(out, dict); }

 private:
  static bool equal(const Dict& a, const Dict& b);
  static std::string describe(const Dict& dict);
  static std::ostream& print(std::ostream& out, const Dict& dict);

  detail::SharedNode node_;
};

}  // namespace py4cpp
