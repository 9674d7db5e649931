#include <py4cpp/collections.hpp>

#include <py4cpp/error.hpp>
#include <py4cpp/value.hpp>

#include <ostream>
#include <string>

namespace py4cpp {

namespace detail {

void HashIndex::append(std::size_t hash) {
  hashes_.push_back(hash);
  if (hashes_.size() <= small) return;
  if (hashes_.size() * 2 > slots_.size()) {
    rehash(slots_.empty() ? small * 4 : slots_.size() * 2);
    return;
  }
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  slots_[slot] = hashes_.size();
}

void HashIndex::rehash(std::size_t slots) {
  slots_.assign(slots, 0);
  const std::size_t mask = slots - 1;
  for (std::size_t position = 0; position < hashes_.size(); ++position) {
    std::size_t slot = hashes_[position] & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = position + 1;
  }
}

Sequence::const_reverse_iterator Sequence::rbegin() const noexcept { return reverse_iterator(end()); }
Sequence::const_reverse_iterator Sequence::rend() const noexcept { return reverse_iterator(begin()); }

const Value& Sequence::at(std::size_t index) const {
  if (index >= size()) {
    throw Error(ErrorKind::invalid,
                "index " + std::to_string(index) + " is out of range for " + std::to_string(size()) + " elements");
  }
  return data()[index];
}

SharedNode Sequence::make(std::vector<Value> items) {
  if (items.empty()) return {};
  auto node = std::make_unique<ItemsNode>();
  node->items = std::move(items);
  return SharedNode(node.release());
}

SharedNode Sequence::make_distinct(std::vector<Value> items) {
  if (items.empty()) return {};
  auto node = std::make_unique<ItemsNode>();
  std::vector<Value>& kept = node->items;
  kept.reserve(items.size());
  for (Value& item : items) {
    const std::size_t hash = item.hash();
    if (node->index.find(hash, [&](std::size_t i) { return kept[i] == item; }) != HashIndex::none) continue;
    kept.push_back(std::move(item));
    node->index.append(hash);
  }
  return SharedNode(node.release());
}

}  // namespace detail

bool List::equal(const List& a, const List& b) { return Value(a) == Value(b); }
std::string List::describe(const List& list) { return to_string(Value(list)); }
std::ostream& List::print(std::ostream& out, const List& list) { return out << Value(list); }

bool Tuple::equal(const Tuple& a, const Tuple& b) { return Value(a) == Value(b); }
std::string Tuple::describe(const Tuple& tuple) { return to_string(Value(tuple)); }
std::ostream& Tuple::print(std::ostream& out, const Tuple& tuple) { return out << Value(tuple); }

bool Set::equal(const Set& a, const Set& b) { return Value(a) == Value(b); }
std::string Set::describe(const Set& set) { return to_string(Value(set)); }
std::ostream& Set::print(std::ostream& out, const Set& set) { return out << Value(set); }

Set::const_iterator Set::find(const Value& element) const {
  if (empty()) return end();
  const detail::ItemsNode& node = *detail::items_of(*this);
  const std::size_t at = node.index.find(element.hash(), [&](std::size_t i) { return node.items[i] == element; });
  return at == detail::HashIndex::none ? end() : begin() + at;
}

bool Set::contains(const Value& element) const { return find(element) != end(); }

Dict::Dict(std::initializer_list<std::pair<Value, Value>> pairs) : Dict(std::vector<std::pair<Value, Value>>(pairs)) {}

Dict::Dict(std::vector<std::pair<Value, Value>> pairs) {
  if (pairs.empty()) return;
  auto node = std::make_unique<detail::TableNode>();
  auto& kept = node->pairs;
  kept.reserve(pairs.size());
  for (auto& [key, value] : pairs) {
    const std::size_t hash = key.hash();
    const Value& wanted = key;
    const std::size_t at = node->index.find(hash, [&](std::size_t i) { return kept[i].first == wanted; });
    if (at != detail::HashIndex::none) {
      kept[at].second = std::move(value);
      continue;
    }
    kept.emplace_back(std::move(key), std::move(value));
    node->index.append(hash);
  }
  node_ = detail::SharedNode(node.release());
}

Dict::const_iterator Dict::find(const Value& key) const {
  if (empty()) return end();
  const detail::TableNode& node = *detail::table_of(*this);
  const std::size_t at = node.index.find(key.hash(), [&](std::size_t i) { return node.pairs[i].first == key; });
  return at == detail::HashIndex::none ? end() : begin() + at;
}

const Value& Dict::at(const Value& key) const {
  const const_iterator found = find(key);
  if (found == end()) throw ConversionError(detail::key_step(key), "a key of the dict", "none that is equal");
  return found->second;
}

std::vector<Value> Dict::keys() const {
  std::vector<Value> keys;
  keys.reserve(size());
  for (const auto& [key, value] : *this) keys.push_back(key);
  return keys;
}

std::vector<Value> Dict::values() const {
  std::vector<Value> values;
  values.reserve(size());
  for (const auto& [key, value] : *this) values.push_back(value);
  return values;
}

bool Dict::equal(const Dict& a, const Dict& b) { return Value(a) == Value(b); }
std::string Dict::describe(const Dict& dict) { return to_string(Value(dict)); }
std::ostream& Dict::print(std::ostream& out, const Dict& dict) { return out << Value(dict); }

}  // namespace py4cpp
