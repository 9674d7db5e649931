// Values as they travel: the flat vectors of schemas/wire.fbs, written and read front to back. A writer is reused from
// message to message and keeps its memory; it also keeps what the written values refer to (blocks, callables, objects)
// until the message is posted or dropped. A reader checks everything once, when it is made, and never reads outside.
// Neither is thread-safe; each message is written and read by one thread.
#pragma once

#include "block.hpp"
#include "plain_vector.hpp"
#include "wire_generated.h"

#include <py4cpp/error.hpp>
#include <py4cpp/layout.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace py4cpp {

// The other side sent something that the protocol doesn't allow. Ends the session.
class BadMessage : public Error {
 public:
  explicit BadMessage(const std::string& what) : Error(ErrorKind::bug, "bad message from the other side: " + what) {}
};

// An array as it travels: where its bytes are and how its elements lie in them.
struct ArrayPlace {
  Layout layout;
  bool writable = false;
  bool is_inline = false;
  bool copied = false;
  std::span<const std::byte> bytes;  // inline: the elements, row-major, inside the message
  BlockPlace block;                  // else: the block
  std::uint64_t data_offset = 0;     // and bytes from its start to the element with all indices 0; checked to fit
};

class ValueWriter {
 public:
  void none() { node(wire::Kind::none, 0); }
  void boolean(bool value) { node(wire::Kind::boolean, value ? 1 : 0); }
  void integer(std::int64_t value) { node(wire::Kind::integer, static_cast<std::uint64_t>(value)); }
  void big_integer(std::string_view signed_hex);  // "+1f" or "-1f"
  void floating(double value);
  void complex(double real, double imaginary);
  void string(std::string_view utf8) { text(wire::Kind::string, utf8); }
  void bytes(std::string_view data) { text(wire::Kind::bytes, data); }
  void begin(wire::Kind container, std::size_t count) { node(container, count); }  // its children follow
  void slice() { node(wire::Kind::slice, 0); }                                     // start, stop, step follow
  void timedelta(std::int64_t days, std::int64_t microseconds);
  void object(std::uint64_t id);    // worker: adds it to objects(), to be taken back if the message is dropped
  void callable(std::uint64_t id);  // host: adds it to callables(), likewise; its face follows
  // Text or bytes that lie in a block, as shared_string or shared_bytes.
  void shared_text(wire::Kind kind, const std::shared_ptr<Block>& block, std::size_t size);
  // An array in a block; `data` is its element with all indices 0. `copied`: into that block, for this message.
  void array(const Layout& layout, const std::byte* data, bool writable, const std::shared_ptr<Block>& block,
             bool copied = false);
  // A copy of an array inside the message. Returns where to write its elements, row-major; valid until the next call.
  std::byte* inline_array(const Layout& layout, bool writable);

  void clear() noexcept;
  void drop_blocks() noexcept { blocks_.clear(); }
  std::size_t size_estimate() const noexcept;  // bytes in a message

  const PlainVector<wire::Node>& nodes() const noexcept { return nodes_; }
  const PlainVector<std::uint8_t>& byte_pool() const noexcept { return bytes_; }
  const PlainVector<wire::Array>& arrays() const noexcept { return arrays_; }
  const PlainVector<wire::Dim>& dims() const noexcept { return dims_; }

  // What the written values refer to: one entry each time one was written.
  const std::vector<std::shared_ptr<Block>>& blocks() const noexcept { return blocks_; }
  const std::vector<std::uint64_t>& callables() const noexcept { return callables_; }
  const std::vector<std::uint64_t>& objects() const noexcept { return objects_; }

 private:
  void node(wire::Kind kind, std::uint64_t bits) { nodes_.emplace_back(kind, bits); }
  void text(wire::Kind kind, std::string_view data) {
    node(kind, data.size());
    append(data.data(), data.size());
  }
  void append(const void* data, std::size_t size) { bytes_.append(static_cast<const std::uint8_t*>(data), size); }
  void dimensions(const Layout& layout);

  PlainVector<wire::Node> nodes_;
  PlainVector<std::uint8_t> bytes_;
  PlainVector<wire::Array> arrays_;
  PlainVector<wire::Dim> dims_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::vector<std::uint64_t> callables_;
  std::vector<std::uint64_t> objects_;
};

class ValueReader {
 public:
  struct Node {
    wire::Kind kind;
    std::uint64_t bits;
    std::int64_t integer() const noexcept { return static_cast<std::int64_t>(bits); }
    double floating() const noexcept;
  };

  ValueReader() = default;  // no values
  // The values of a request, a reply or a failure, which must outlive it. Throws BadMessage.
  template <class Message>
  explicit ValueReader(const Message& message)
      : ValueReader(message.nodes(), message.bytes(), message.arrays(), message.dims()) {}

  std::size_t roots() const noexcept { return roots_; }  // values that are no other value's child
  bool done() const noexcept { return node_ == node_count_; }

  Node next() {  // BadMessage past the end
    const Node node = peek();
    ++node_;
    return node;
  }
  Node peek() const {  // the same without taking it
    if (done()) throw_missing();
    const wire::Node& node = nodes_[node_];
    return {node.kind(), node.bits()};
  }
  std::string_view text(const Node& node);  // the bytes of a string, bytes or big_integer
  std::string_view expect_string();         // the next node must be an inline string
  double imaginary();                       // of the complex just taken
  ArrayPlace array();                       // of the array, shared_string or shared_bytes just taken
  void skip();                              // the next value with all its children

 private:
  template <class T>
  using Vector = flatbuffers::Vector<T>;
  ValueReader(const Vector<const wire::Node*>* nodes, const Vector<std::uint8_t>* bytes,
              const Vector<const wire::Array*>* arrays, const Vector<const wire::Dim*>* dims);

  [[noreturn]] static void throw_missing();
  void check();
  void check_pools(const Node& node);
  const std::uint8_t* take_bytes(std::uint64_t count);

  const wire::Node* nodes_ = nullptr;
  const std::uint8_t* bytes_ = nullptr;
  const wire::Array* arrays_ = nullptr;
  const wire::Dim* dims_ = nullptr;
  std::size_t node_count_ = 0;
  std::size_t byte_count_ = 0;
  std::size_t array_count_ = 0;
  std::size_t dim_count_ = 0;
  std::size_t roots_ = 0;
  std::size_t node_ = 0;
  std::size_t byte_ = 0;
  std::size_t array_ = 0;
  std::size_t dim_ = 0;
};

// How many children a node of a well-formed tree has.
std::uint64_t children(wire::Kind kind, std::uint64_t bits);

}  // namespace py4cpp
