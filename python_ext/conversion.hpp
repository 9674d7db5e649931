// What from_wire and to_wire need to know besides the values: where handles are kept, through which ledger and arena
// blocks pass, how callables of the host are represented, and what to count. One a session; what derives from it
// belongs to the HostCalls. Used with the GIL held.
#pragma once

#include "arena.hpp"
#include "ledger.hpp"
#include "refs.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace py4cpp {

class ObjectTable;

// Arrays that this side sent: on their own pages, or copied first (into shared memory, or into the message). May be
// read without the GIL.
struct SentArrays {
  std::atomic<std::uint64_t> arrays_shared{0}, arrays_copied{0};
  std::atomic<std::uint64_t> bytes_shared{0}, bytes_copied{0};

  void shared(std::uint64_t bytes) noexcept { count(arrays_shared, bytes_shared, bytes); }
  void copied(std::uint64_t bytes) noexcept { count(arrays_copied, bytes_copied, bytes); }

 private:
  using Counter = std::atomic<std::uint64_t>;
  static void count(Counter& arrays, Counter& total, std::uint64_t bytes) noexcept {
    arrays.fetch_add(1, std::memory_order_relaxed);
    total.fetch_add(bytes, std::memory_order_relaxed);
  }
};

// A block from the arena; MemoryError where there is no room. Lets other Python threads run if it is large.
std::shared_ptr<Block> allocate_block(Arena& arena, std::size_t bytes);

// In a catch block: sets the Python error for the C++ exception being handled, and keeps one that is set already.
void set_python_error() noexcept;

// Runs a function that gives a Ref or throws, for Python.
template <class Function>
PyObject* guarded(Function function) noexcept {
  try {
    return Ref(function()).release();
  } catch (const PythonRaised&) {
  } catch (const std::exception&) {
    set_python_error();
  }
  return nullptr;
}

class Conversion {
 public:
  Conversion(const Conversion&) = delete;
  Conversion& operator=(const Conversion&) = delete;

  // The Python object for a callable of the host. Takes over the one reference that came with the message, also when it
  // throws. `face`: schemas/wire.fbs.
  virtual Ref make_callable(std::uint64_t id, Ref face) = 0;
  // A reference came with a message of which no object is made.
  virtual void drop_callable(std::uint64_t id) noexcept = 0;
  // Of an object that make_callable returned; nothing for any other.
  virtual std::optional<std::uint64_t> callable_id(PyObject* object) const noexcept = 0;

  // What may still go inside a message that holds this many bytes of text and arrays: less and less, so that many
  // middling texts don't make a message too large.
  std::uint64_t inline_limit_after(std::size_t bytes) const noexcept;
  std::shared_ptr<Block> allocate(std::size_t bytes) { return allocate_block(*arena, bytes); }
  std::shared_ptr<Block> borrow(const BlockPlace& place);  // MemoryError where the block can't be mapped

  ObjectTable& objects;
  BlockLedger& ledger;
  const std::shared_ptr<Arena> arena;  // this process's
  const std::uint64_t inline_limit;    // bytes; larger arrays and texts go through shared memory
  SentArrays sent;

 protected:
  Conversion(ObjectTable& table, BlockLedger& session_ledger, std::shared_ptr<Arena> own, std::uint64_t limit)
      : objects(table), ledger(session_ledger), arena(std::move(own)), inline_limit(limit) {}
  ~Conversion() = default;
};

}  // namespace py4cpp
