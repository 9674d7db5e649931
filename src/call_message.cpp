#include "call_message.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

namespace py4cpp {

namespace {

static_assert(std::endian::native == std::endian::little, "FlatBuffers' scalars are little-endian");

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

struct ReleaseLayout {
  using Table = wire::Release;
  static constexpr std::size_t fields = 4;

  std::uint32_t root;
  std::uint16_t vtable_size, table_size;
  std::array<std::uint16_t, fields> entries;
  std::int32_t vtable;
  std::uint32_t objects, callables, blocks, segments;
  std::uint8_t end[4];
};

static_assert(sizeof(RequestLayout) == 80 && sizeof(ReplyLayout) == 56 && sizeof(ReleaseLayout) == 40);
static_assert(entry_of(wire::Request::VT_DIMS) + 1 == RequestLayout::fields);
static_assert(entry_of(wire::Reply::VT_MORE) + 1 == ReplyLayout::fields);
static_assert(entry_of(wire::Release::VT_SEGMENTS) + 1 == ReleaseLayout::fields);

// Of a vector: its length, which stands 4 bytes before a multiple of 8, and its elements.
template <class T>
std::size_t vector_size(std::size_t count) {
  return count == 0 ? 0 : padded(sizeof(T) * count) + 8;
}

std::size_t vector_sizes(const ValueWriter& values) {
  return vector_size<wire::Node>(values.nodes().size()) + vector_size<std::uint8_t>(values.byte_pool().size()) +
         vector_size<wire::Array>(values.arrays().size()) + vector_size<wire::Dim>(values.dims().size());
}

#define PY4CPP_PLACE(field) static_cast<std::uint16_t>(offsetof(Head, field) - offsetof(Head, vtable))

// One message being written.
template <class Head>
class TableWriter {
 public:
  explicit TableWriter(std::uint8_t* target) noexcept : start_(target) {
    static_assert(std::is_trivial_v<Head> && sizeof(Head) % 8 == 0 && offsetof(Head, vtable) % 8 == 0);
    head.root = offsetof(Head, vtable);
    head.vtable_size = sizeof(std::uint16_t) * (2 + Head::fields);
    head.table_size = PY4CPP_PLACE(end);
    head.vtable = offsetof(Head, vtable) - offsetof(Head, vtable_size);
  }
  ~TableWriter() { std::memcpy(start_, &head, sizeof head); }
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  template <class Vector>
  void vector(const Vector& elements, std::uint16_t& entry, std::uint16_t place, std::uint32_t& offset) noexcept {
    if (elements.empty()) return;
    const std::array<std::uint32_t, 2> count = {0, static_cast<std::uint32_t>(elements.size())};
    const std::size_t bytes = elements.size() * sizeof *elements.data();
    std::memcpy(start_ + size_, &count, sizeof count);
    std::memset(start_ + size_ + padded(bytes), 0, 8);  // what lies behind the last element
    std::memcpy(start_ + size_ + 8, elements.data(), bytes);
    entry = place;
    const auto field = static_cast<std::size_t>(reinterpret_cast<char*>(&offset) - reinterpret_cast<char*>(&head));
    offset = static_cast<std::uint32_t>(size_ + 4 - field);
    size_ += 8 + padded(bytes);
  }

  void values(const ValueWriter& values) noexcept {
    using Table = typename Head::Table;
    vector(values.nodes(), head.entries[entry_of(Table::VT_NODES)], PY4CPP_PLACE(nodes), head.nodes);
    vector(values.byte_pool(), head.entries[entry_of(Table::VT_BYTES)], PY4CPP_PLACE(bytes), head.bytes);
    vector(values.arrays(), head.entries[entry_of(Table::VT_ARRAYS)], PY4CPP_PLACE(arrays), head.arrays);
    vector(values.dims(), head.entries[entry_of(Table::VT_DIMS)], PY4CPP_PLACE(dims), head.dims);
  }

  Head head{};

 private:
  std::uint8_t* const start_;
  std::size_t size_ = sizeof(Head);
};

}  // namespace

std::size_t RequestMessage::size() const noexcept {
  return sizeof(RequestLayout) + vector_size<wire::Step>(head.steps.size()) + vector_sizes(values);
}

void RequestMessage::write(std::uint8_t* target) const noexcept {
  using Head = RequestLayout;
  using Table = wire::Request;
  TableWriter<Head> made(target);
  made.head.entries[entry_of(Table::VT_ID)] = PY4CPP_PLACE(id);
  made.head.entries[entry_of(Table::VT_UNDER)] = PY4CPP_PLACE(under);
  made.head.entries[entry_of(Table::VT_WANT)] = PY4CPP_PLACE(want);
  made.head.entries[entry_of(Table::VT_KEEP)] = PY4CPP_PLACE(keep);
  made.head.id = head.id;
  made.head.under = head.under;
  made.head.want = head.want;
  made.head.keep = head.keep;
  made.vector(head.steps, made.head.entries[entry_of(Table::VT_STEPS)], PY4CPP_PLACE(steps), made.head.steps);
  made.values(values);
}

std::size_t ReplyMessage::size() const noexcept { return sizeof(ReplyLayout) + vector_sizes(values); }

void ReplyMessage::write(std::uint8_t* target) const noexcept {
  using Head = ReplyLayout;
  using Table = wire::Reply;
  TableWriter<Head> made(target);
  made.head.entries[entry_of(Table::VT_ID)] = PY4CPP_PLACE(id);
  made.head.id = id;
  if (more) made.head.entries[entry_of(Table::VT_MORE)] = PY4CPP_PLACE(more);
  made.head.more = more;
  made.values(values);
}

void ReleaseBatch::clear() noexcept {
  objects.clear();
  callables.clear();
  blocks.clear();
  segments.clear();
}

std::size_t ReleaseMessage::size() const noexcept {
  return sizeof(ReleaseLayout) + vector_size<std::uint64_t>(batch.objects.size()) +
         vector_size<wire::CallableRelease>(batch.callables.size()) +
         vector_size<wire::BlockRelease>(batch.blocks.size()) + vector_size<std::uint32_t>(batch.segments.size());
}

void ReleaseMessage::write(std::uint8_t* target) const noexcept {
  using Head = ReleaseLayout;
  using Table = wire::Release;
  TableWriter<Head> made(target);
  auto& entries = made.head.entries;
  made.vector(batch.objects, entries[entry_of(Table::VT_OBJECTS)], PY4CPP_PLACE(objects), made.head.objects);
  made.vector(batch.callables, entries[entry_of(Table::VT_CALLABLES)], PY4CPP_PLACE(callables), made.head.callables);
  made.vector(batch.blocks, entries[entry_of(Table::VT_BLOCKS)], PY4CPP_PLACE(blocks), made.head.blocks);
  made.vector(batch.segments, entries[entry_of(Table::VT_SEGMENTS)], PY4CPP_PLACE(segments), made.head.segments);
}

}  // namespace py4cpp
