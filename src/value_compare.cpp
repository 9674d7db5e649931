// Equality and hashing of values, with stacks of their own instead of recursion.
//
// Both walk a value in post-order. A frame stands for one pair of containers whose elements are being compared (or one
// container being hashed); whatever its newest child turns out to be is handed back to it by the loop.

#include <py4cpp/big_int.hpp>
#include <py4cpp/object.hpp>
#include <py4cpp/value.hpp>

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

namespace py4cpp {

namespace {

using detail::HashedNode;

constexpr std::size_t mix(std::size_t hash) noexcept {  // the finaliser of MurmurHash3
  std::uint64_t x = hash;
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return static_cast<std::size_t>(x ^ (x >> 33));
}

constexpr std::size_t seed(Kind kind) noexcept { return mix(static_cast<std::size_t>(kind) + 1); }

std::size_t hash_double(double x) noexcept {
  return x == 0 ? 0 : mix(std::bit_cast<std::uint64_t>(x));  // -0.0 equals 0.0
}

std::size_t hash_object(const Object& object) noexcept {
  if (const RemoteObject* remote = detail::remote_of(object)) {
    return mix(remote->id() ^ std::hash<const void*>()(remote->peer().get()));
  }
  return std::hash<const void*>()(object.get());
}

std::size_t hash_big(const BigInt& x) noexcept {
  std::size_t hash = x < 0 ? 1 : 0;
  for (std::size_t i = 0; i < x.backend().size(); ++i) {
    hash = mix(hash ^ static_cast<std::size_t>(x.backend().limbs()[i]));
  }
  return hash;
}

// The node of a container that isn't empty, or null.
const HashedNode* container(const Value& value) noexcept {
  switch (value.kind()) {
    case Kind::list:
      return static_cast<const HashedNode*>(value.get_if<List>()->node());
    case Kind::tuple:
      return static_cast<const HashedNode*>(value.get_if<Tuple>()->node());
    case Kind::set:
      return static_cast<const HashedNode*>(value.get_if<Set>()->node());
    case Kind::dict:
      return static_cast<const HashedNode*>(value.get_if<Dict>()->node());
    default:
      return nullptr;
  }
}

const std::vector<Value>& items(const HashedNode* node) noexcept {
  return static_cast<const detail::ItemsNode*>(node)->items;
}

const std::vector<std::pair<Value, Value>>& pairs(const HashedNode* node) noexcept {
  return static_cast<const detail::TableNode*>(node)->pairs;
}

// The hash of what has no elements, or whose hash is known; else nothing.
std::optional<std::size_t> known_hash(const Value& value) {
  const Kind kind = value.kind();
  switch (kind) {
    case Kind::boolean:
      return mix(seed(kind) ^ (*value.get_if<bool>() ? 1u : 0u));
    case Kind::integer:
      return mix(seed(kind) ^ static_cast<std::size_t>(*value.get_if<std::int64_t>()));
    case Kind::big_integer:
      return mix(seed(kind) ^ hash_big(*value.get_if<BigInt>()));
    case Kind::floating:
      return mix(seed(kind) ^ hash_double(*value.get_if<double>()));
    case Kind::complex: {
      const auto& x = *value.get_if<std::complex<double>>();
      return mix(seed(kind) ^ hash_double(x.real()) ^ mix(hash_double(x.imag()) + 1));
    }
    case Kind::string:
      return mix(seed(kind) ^ std::hash<std::string_view>()(value.text()));
    case Kind::bytes: {
      const Bytes& bytes = *value.get_if<Bytes>();
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return mix(seed(kind) ^ std::hash<std::string_view>()(text));
    }
    case Kind::array: {
      const AnyArray& array = *value.get_if<AnyArray>();
      std::size_t hash = seed(kind) ^ static_cast<std::size_t>(array.dtype().code());
      for (const std::size_t extent : array.shape()) hash = mix(hash + extent);
      return mix(hash);
    }
    case Kind::object:
      return mix(seed(kind) ^ hash_object(*value.get_if<Object>()));
    default:
      break;
  }
  const HashedNode* node = container(value);
  if (node == nullptr) return seed(kind);
  const std::size_t hash = node->cached_hash();
  return hash != 0 ? std::optional(hash) : std::nullopt;
}

// One container, some of whose elements are hashed already.
struct HashFrame {
  const HashedNode* node;
  Kind kind;
  std::size_t next = 0;  // element to hash; of a dict, keys and values alternate
  std::size_t hash;

  std::size_t count() const noexcept { return kind == Kind::dict ? 2 * pairs(node).size() : items(node).size(); }
  const Value& element() const noexcept {
    if (kind != Kind::dict) return items(node)[next];
    const auto& pair = pairs(node)[next / 2];
    return next % 2 == 0 ? pair.first : pair.second;
  }
  // Sets and dicts add up, so that order doesn't count; a dict's value counts with its key.
  void take(std::size_t element_hash) noexcept {
    if (kind == Kind::set) {
      hash += mix(element_hash);
    } else if (kind == Kind::dict) {
      if (next % 2 == 0) {
        key_hash = element_hash;
      } else {
        hash += mix(mix(key_hash) ^ element_hash);
      }
    } else {
      hash = mix(hash + element_hash);
    }
    ++next;
  }
  std::size_t key_hash = 0;
};

bool same_leaf(const Value& a, const Value& b) {
  switch (a.kind()) {
    case Kind::boolean:
      return *a.get_if<bool>() == *b.get_if<bool>();
    case Kind::integer:
      return *a.get_if<std::int64_t>() == *b.get_if<std::int64_t>();
    case Kind::big_integer:
      return *a.get_if<BigInt>() == *b.get_if<BigInt>();
    case Kind::floating:
      return *a.get_if<double>() == *b.get_if<double>();
    case Kind::complex:
      return *a.get_if<std::complex<double>>() == *b.get_if<std::complex<double>>();
    case Kind::string:
      return a.text() == b.text();
    case Kind::bytes:
      return *a.get_if<Bytes>() == *b.get_if<Bytes>();
    case Kind::array:
      return *a.get_if<AnyArray>() == *b.get_if<AnyArray>();
    case Kind::object:
      return a.get_if<Object>()->same(*b.get_if<Object>());
    default:
      return true;  // None, and containers that are both empty
  }
}

// Two containers of one kind and size. Lists and tuples go element by element. Of a set or dict, each element of `a`
// looks for its equal among those of `b` with its hash; `tried` counts the candidates.
struct EqualFrame {
  const HashedNode* a;
  const HashedNode* b;
  Kind kind;
  std::size_t next = 0;
  std::size_t tried = 0;
  std::size_t candidate = 0;
  bool comparing_values = false;

  struct Question {
    const Value* a;
    const Value* b;
  };

  // The next pair to compare; nothing when the answer is known: `result`.
  std::optional<Question> ask(bool& result) {
    if (kind == Kind::list || kind == Kind::tuple) {
      result = true;
      if (next == items(a).size()) return std::nullopt;
      return Question{&items(a)[next], &items(b)[next]};
    }
    if (comparing_values) return Question{&pairs(a)[next].second, &pairs(b)[candidate].second};
    return find_candidate(result);
  }

  // Takes the answer to the last question. False if that settles the whole: they differ.
  bool answer(bool equal) {
    if (kind == Kind::list || kind == Kind::tuple) {
      ++next;
      return equal;
    }
    if (comparing_values) {
      comparing_values = false;
      advance();
      return equal;
    }
    if (!equal) {
      ++tried;
    } else if (kind == Kind::dict) {
      comparing_values = true;
    } else {
      advance();
    }
    return true;
  }

 private:
  void advance() noexcept {
    ++next;
    tried = 0;
  }

  std::optional<Question> find_candidate(bool& result) {
    const bool dict = kind == Kind::dict;
    result = true;
    if (next == (dict ? pairs(a).size() : items(a).size())) return std::nullopt;
    const Value& wanted = dict ? pairs(a)[next].first : items(a)[next];
    std::size_t skip = tried;
    const detail::HashIndex& index =
        dict ? static_cast<const detail::TableNode*>(b)->index : static_cast<const detail::ItemsNode*>(b)->index;
    candidate = index.find(wanted.hash(), [&](std::size_t) { return skip-- == 0; });
    if (candidate == detail::HashIndex::none) {
      result = false;
      return std::nullopt;
    }
    return Question{&wanted, dict ? &pairs(b)[candidate].first : &items(b)[candidate]};
  }
};

std::size_t element_count(const HashedNode* node, Kind kind) noexcept {
  if (node == nullptr) return 0;
  return kind == Kind::dict ? pairs(node).size() : items(node).size();
}

}  // namespace

std::size_t Value::hash() const {
  if (const auto known = known_hash(*this)) return *known;
  std::vector<HashFrame> frames{HashFrame{container(*this), kind(), 0, seed(kind())}};
  for (;;) {
    HashFrame& frame = frames.back();
    if (frame.next == frame.count()) {
      const std::size_t finished = std::max<std::size_t>(mix(frame.hash + frame.count()), 1);
      frame.node->cache_hash(finished);
      frames.pop_back();
      if (frames.empty()) return finished;
      frames.back().take(finished);
      continue;
    }
    const Value& element = frame.element();
    if (const auto known = known_hash(element)) {
      frame.take(*known);
    } else {
      frames.push_back(HashFrame{container(element), element.kind(), 0, seed(element.kind())});
    }
  }
}

bool Value::equal(const Value& a, const Value& b) {
  std::vector<EqualFrame> frames;
  EqualFrame::Question question{&a, &b};
  for (;;) {
    // Answer the question, or open a frame for it.
    bool result = true;
    const Kind kind = question.a->kind();
    if (kind != question.b->kind()) {
      result = false;
    } else {
      const HashedNode* left = container(*question.a);
      const HashedNode* right = container(*question.b);
      if (left == nullptr && right == nullptr) {
        result = same_leaf(*question.a, *question.b);
      } else if (element_count(left, kind) != element_count(right, kind)) {
        result = false;
      } else {
        frames.push_back(EqualFrame{left, right, kind});
        if (const auto next = frames.back().ask(result)) {
          question = *next;
          continue;
        }
        frames.pop_back();
      }
    }
    // Hand the answer up until some frame has another question.
    for (;;) {
      if (frames.empty()) return result;
      EqualFrame& frame = frames.back();
      if (!frame.answer(result)) {
        result = false;
      } else if (const auto next = frame.ask(result)) {
        question = *next;
        break;
      }
      frames.pop_back();
    }
  }
}

}  // namespace py4cpp
