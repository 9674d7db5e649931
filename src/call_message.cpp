#include "call_message.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

namespace py4cpp {

namespace {

static_assert(std::endian::native == std::endian::little, "FlatBuffers' scalars are little-endian");

constexpr std::size_t kept_size = 1024 * 1024;  // bytes; more is given back

constexpr std::size_t padded(std::size_t size) { return (size + 7) / 8 * 8; }

// Where a field's place stands among a vtable's entries, by the number that flatc gives it.
constexpr std::size_t entry_of(std::size_t vtable_offset) { return vtable_offset / sizeof(std::uint16_t) - 2; }

// The offset of the root table, its vtable, and the table. An entry of the vtable is the field's place in the table, 0
// if the field is absent; a field that is a vector is the distance from the field to the vector.
struct RequestLayout {
  using Table = wire::Request;
  static constexpr std::size_t fields = 9;

  std::uint32_t root;
  std::uint16_t vtable_size, table_size;
  std::array<std::uint16_t, fields> entries;
  std::uint16_t gap[3];
  std::int32_t vtable;  // the table starts here: the way back to its vtable
  std::uint32_t steps;
  std::uint64_t id, under;
  std::uint32_t nodes, bytes, arrays, dims;
  wire::Want want;
  bool keep;
  std::uint8_t end[6];
};

struct ReplyLayout {
  using Table = wire::Reply;
  static constexpr std::size_t fields = 6;

  std::uint32_t root;
  std::uint16_t vtable_size, table_size;
  std::array<std::uint16_t, fields> entries;
  std::uint16_t gap[2];
  std::int32_t vtable;
  std::uint32_t nodes;
  std::uint64_t id;
  std::uint32_t bytes, arrays, dims;
  bool more;
  std::uint8_t end[3];
};

static_assert(sizeof(RequestLayout) == 80 && sizeof(ReplyLayout) == 56);
static_assert(entry_of(wire::Request::VT_DIMS) + 1 == RequestLayout::fields);
static_assert(entry_of(wire::Reply::VT_MORE) + 1 == ReplyLayout::fields);

// Of a vector: its length, which stands 4 bytes before a multiple of 8, and its elements.
template <class T>
std::size_t vector_size(std::size_t count) {
  return count == 0 ? 0 : padded(sizeof(T) * count) + 8;
}

std::size_t vector_sizes(const ValueWriter& values) {
  return vector_size<wire::Node>(values.nodes().size()) + vector_size<std::uint8_t>(values.byte_pool().size()) +
         vector_size<wire::Array>(values.arrays().size()) + vector_size<wire::Dim>(values.dims().size());
}

}  // namespace

#define PY4CPP_PLACE(field) static_cast<std::uint16_t>(offsetof(Head, field) - offsetof(Head, vtable))

template <class Head>
Head& CallMessage::begin(std::size_t vectors) {
  static_assert(std::is_trivial_v<Head> && sizeof(Head) % 8 == 0 && offsetof(Head, vtable) % 8 == 0);
  const std::size_t needed = sizeof(Head) + vectors;
  if (needed > capacity_ || capacity_ > kept_size) {
    const std::size_t capacity = std::max<std::size_t>(needed, 1024);
    memory_ = std::make_unique_for_overwrite<std::uint64_t[]>(capacity / 8);  // may throw
    capacity_ = capacity;
  }
  size_ = sizeof(Head);
  Head& head = *new (memory_.get()) Head{};
  head.root = offsetof(Head, vtable);
  head.vtable_size = sizeof(std::uint16_t) * (2 + Head::fields);
  head.table_size = PY4CPP_PLACE(end);
  head.vtable = offsetof(Head, vtable) - offsetof(Head, vtable_size);
  return head;
}

template <class T>
void CallMessage::vector(std::span<const T> elements, std::uint16_t& entry, std::uint16_t place,
                         std::uint32_t& offset) {
  if (elements.empty()) return;
  auto* const start = reinterpret_cast<std::uint8_t*>(memory_.get());
  std::uint8_t* const length = start + size_ + 4;
  const auto count = static_cast<std::uint32_t>(elements.size());
  std::memset(length - 4, 0, 4);
  std::memcpy(length, &count, sizeof count);
  std::memcpy(length + 4, elements.data(), elements.size_bytes());
  const std::size_t end = size_ + 8 + elements.size_bytes();
  size_ = padded(end);
  std::memset(start + end, 0, size_ - end);
  entry = place;
  offset = static_cast<std::uint32_t>(length - reinterpret_cast<std::uint8_t*>(&offset));
}

template <class Head>
void CallMessage::values(Head& head, const ValueWriter& values) {
  using Table = typename Head::Table;
  vector(std::span(values.nodes()), head.entries[entry_of(Table::VT_NODES)], PY4CPP_PLACE(nodes), head.nodes);
  vector(std::span(values.byte_pool()), head.entries[entry_of(Table::VT_BYTES)], PY4CPP_PLACE(bytes), head.bytes);
  vector(std::span(values.arrays()), head.entries[entry_of(Table::VT_ARRAYS)], PY4CPP_PLACE(arrays), head.arrays);
  vector(std::span(values.dims()), head.entries[entry_of(Table::VT_DIMS)], PY4CPP_PLACE(dims), head.dims);
}

std::span<const std::uint8_t> CallMessage::finished() const noexcept {
  return {reinterpret_cast<const std::uint8_t*>(memory_.get()), size_};
}

std::span<const std::uint8_t> CallMessage::request(const RequestHead& head, const ValueWriter& values) {
  using Head = RequestLayout;
  using Table = wire::Request;
  Head& made = begin<Head>(vector_size<wire::Step>(head.steps.size()) + vector_sizes(values));
  made.entries[entry_of(Table::VT_ID)] = PY4CPP_PLACE(id);
  made.entries[entry_of(Table::VT_UNDER)] = PY4CPP_PLACE(under);
  made.entries[entry_of(Table::VT_WANT)] = PY4CPP_PLACE(want);
  made.entries[entry_of(Table::VT_KEEP)] = PY4CPP_PLACE(keep);
  made.id = head.id;
  made.under = head.under;
  made.want = head.want;
  made.keep = head.keep;
  vector(head.steps, made.entries[entry_of(Table::VT_STEPS)], PY4CPP_PLACE(steps), made.steps);
  this->values(made, values);
  return finished();
}

std::span<const std::uint8_t> CallMessage::reply(std::uint64_t id, const ValueWriter& values, bool more) {
  using Head = ReplyLayout;
  Head& made = begin<Head>(vector_sizes(values));
  made.entries[entry_of(wire::Reply::VT_ID)] = PY4CPP_PLACE(id);
  made.id = id;
  if (more) made.entries[entry_of(wire::Reply::VT_MORE)] = PY4CPP_PLACE(more);
  made.more = more;
  this->values(made, values);
  return finished();
}

}  // namespace py4cpp
