// AnyArray: a shared handle to an array whose element type is known at run time. Copies share the elements; the pages
// live until the last handle, view or borrower is gone, whatever happens to the process that made them. Handles are
// values and may be used from any thread; two threads that write the same elements need a lock of their own.
#pragma once

#include <py4cpp/dtype.hpp>
#include <py4cpp/layout.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct DLManagedTensor;

namespace py4cpp {

class Block;
template <Element T>
class Array;

// What a handle points to. `data` is the element whose indices are all 0; the others lie where `layout.span()` says.
// `block` is null for elements that aren't in shared memory; `owner` keeps those alive.
struct ArrayState {
  std::byte* data = nullptr;
  Layout layout;
  bool writable = true;
  bool copied = false;  // by the worker, into its block: its own array lies elsewhere
  std::shared_ptr<Block> block;
  std::shared_ptr<void> owner;
};

// Bytes: what an xtensor expression or a result occupies beyond this goes through shared memory. One a process, set by
// the first Config.
std::uint64_t inline_limit() noexcept;
void set_inline_limit(std::uint64_t bytes) noexcept;

class AnyArray {
 public:
  AnyArray();  // empty: float64, shape {0}
  explicit AnyArray(std::shared_ptr<const ArrayState> state);
  AnyArray(const AnyArray&) noexcept = default;
  AnyArray(AnyArray&& other) noexcept : state_(std::exchange(other.state_, none())) {}  // leaves an empty one
  AnyArray& operator=(const AnyArray&) noexcept = default;
  AnyArray& operator=(AnyArray&& other) noexcept {
    state_ = std::exchange(other.state_, none());
    return *this;
  }
  ~AnyArray() = default;

  // In shared memory, uninitialised, row-major, at least 64-byte aligned. Throws OutOfSharedMemory.
  static AnyArray allocate(DType dtype, Shape shape);
  // As `allocate` when larger than inline_limit(), else on the heap: for elements that are about to travel.
  static AnyArray allocate_to_send(DType dtype, Shape shape);
  // A copy of row-major elements, in shared memory when larger than `inline_limit` bytes.
  static AnyArray copy_of(DType dtype, Shape shape, const void* row_major, std::size_t inline_limit);

  DType dtype() const noexcept { return state_->layout.dtype; }
  const Shape& shape() const noexcept { return state_->layout.shape; }
  const Strides& strides() const noexcept { return state_->layout.strides; }  // in elements
  std::size_t dimension() const noexcept { return shape().size(); }
  std::size_t size() const { return state_->layout.size(); }
  std::size_t nbytes() const { return state_->layout.nbytes(); }
  bool writable() const noexcept { return state_->writable; }
  bool contiguous() const noexcept { return state_->layout.contiguous(); }
  // Whether the elements are, or can become, the same memory in C++ and Python: not of what Python had to copy.
  bool shared() const noexcept { return state_->block != nullptr && !state_->copied; }

  // The typed handle on the same elements. Throws ConversionError unless compatible<T>(dtype()).
  template <Element T>
  Array<T> as() const;

  // The sub-array with the first index fixed, on the same elements. Throws Error(invalid) if there is none.
  AnyArray at(std::size_t index) const;
  // The same elements, read-only.
  AnyArray read_only() const;
  // Whether every value of this dtype is one of `target` too, by numpy's rule for "safe" casts.
  bool casts_safely_to(DType target) const;
  // Writes every element, row-major, as `dtype` to `out`, which has room for size() of them. Throws ConversionError
  // where that could change a value: narrower, other sign, fraction or imaginary part lost.
  void copy_to(DType dtype, std::byte* out) const;

  // A tensor on the same elements for libtorch, ONNX Runtime and others (<py4cpp/dlpack.hpp>).
  DLManagedTensor* to_dlpack() const;

  const std::shared_ptr<const ArrayState>& state() const noexcept { return state_; }

  // Same dtype, shape and elements; NaN differs from itself.
  friend bool operator==(const AnyArray& a, const AnyArray& b) { return equal(a, b); }

 private:
  static std::shared_ptr<const ArrayState> none() noexcept;  // of an empty one, owned by nobody
  static bool equal(const AnyArray& a, const AnyArray& b);

  std::shared_ptr<const ArrayState> state_;  // never null
};

namespace detail {

// Throws what as<T>() throws. `expected` is T's own dtype.
[[noreturn]] void throw_dtype_mismatch(DType expected, DType found);
[[noreturn]] void throw_read_only();
[[noreturn]] void throw_not_contiguous();
[[noreturn]] void throw_shape_mismatch(const Shape& target, const Shape& source);

}  // namespace detail

}  // namespace py4cpp
