// The bodies that need Value complete, and the nodes behind the collections. Included by <py4cpp/value.hpp>.
#pragma once

#include <py4cpp/value.hpp>

#include <cstdint>

namespace py4cpp {

namespace detail {

// Open addressing over positions in the order of insertion. Up to `small` entries have no slots: their hashes are
// compared one by one.
class HashIndex {
 public:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // The first position with this hash for which `same(position)` holds, or `none`.
  template <class Same>
  std::size_t find(std::size_t hash, Same&& same) const {
    if (slots_.empty()) {
      for (std::size_t i = 0; i < hashes_.size(); ++i) {
        if (hashes_[i] == hash && same(i)) return i;
      }
      return none;
    }
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
      const std::size_t position = slots_[slot] - 1;
      if (hashes_[position] == hash && same(position)) return position;
    }
    return none;
  }
  void append(std::size_t hash);  // for the next position

 private:
  static constexpr std::size_t small = 8;

  void rehash(std::size_t slots);

  std::vector<std::size_t> hashes_;
  std::vector<std::size_t> slots_;  // position + 1, 0 for free; a power of two of them
};

// Hashes are computed when first asked for, and kept: 0 says not yet.
class HashedNode : public Node {
 public:
  std::size_t cached_hash() const noexcept { return hash_.load(std::memory_order_relaxed); }
  void cache_hash(std::size_t hash) const noexcept { hash_.store(hash, std::memory_order_relaxed); }

 private:
  mutable std::atomic<std::size_t> hash_{0};
};

class ItemsNode final : public HashedNode {
 public:
  std::vector<Value> items;
  HashIndex index;  // for sets only
};

class TableNode final : public HashedNode {
 public:
  std::vector<std::pair<Value, Value>> pairs;
  HashIndex index;
};

inline const ItemsNode* items_of(const Sequence& sequence) noexcept {
  return static_cast<const ItemsNode*>(sequence.node());
}

inline const TableNode* table_of(const Dict& dict) noexcept { return static_cast<const TableNode*>(dict.node()); }

template <class... Args>
std::vector<Value> collect(Args&&... args) {
  std::vector<Value> values;
  values.reserve(sizeof...(args));
  (values.emplace_back(std::forward<Args>(args)), ...);
  return values;
}

inline std::size_t Sequence::size() const noexcept { return node_ ? items_of(*this)->items.size() : 0; }
inline const Value* Sequence::data() const noexcept { return node_ ? items_of(*this)->items.data() : nullptr; }
inline Sequence::const_iterator Sequence::end() const noexcept { return data() + size(); }
inline const Value& Sequence::operator[](std::size_t index) const { return at(index); }
inline const Value& Sequence::front() const { return at(0); }
inline const Value& Sequence::back() const { return at(size() - 1); }

}  // namespace detail

template <class... Args>
  requires detail::ElementsOf<List, Args...>
List::List(Args&&... elements) : Sequence(make(detail::collect(std::forward<Args>(elements)...))) {}

template <class... Args>
  requires detail::ElementsOf<Tuple, Args...>
Tuple::Tuple(Args&&... elements) : Sequence(make(detail::collect(std::forward<Args>(elements)...))) {}

template <class... Args>
  requires detail::ElementsOf<Set, Args...>
Set::Set(Args&&... elements) : Sequence(make_distinct(detail::collect(std::forward<Args>(elements)...))) {}

inline List::List(std::vector<Value> elements) : Sequence(make(std::move(elements))) {}
inline Tuple::Tuple(std::vector<Value> elements) : Sequence(make(std::move(elements))) {}
inline Set::Set(std::vector<Value> elements) : Sequence(make_distinct(std::move(elements))) {}

inline std::size_t Dict::size() const noexcept { return node_ ? detail::table_of(*this)->pairs.size() : 0; }
inline Dict::const_iterator Dict::begin() const noexcept {
  return node_ ? detail::table_of(*this)->pairs.data() : nullptr;
}
inline Dict::const_iterator Dict::end() const noexcept { return begin() + size(); }
inline bool Dict::contains(const Value& key) const { return find(key) != end(); }

}  // namespace py4cpp
