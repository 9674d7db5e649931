#include <py4cpp/any_array.hpp>

#include <py4cpp/error.hpp>

#include "arena.hpp"
#include "block.hpp"

#include <algorithm>
#include <atomic>
#include <complex>
#include <concepts>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace py4cpp {

namespace {

std::atomic<std::uint64_t> the_inline_limit{8192};

AnyArray on_heap(DType dtype, Shape shape) {
  constexpr std::align_val_t alignment{64};
  auto state = std::make_shared<ArrayState>();
  state->layout = Layout::row_major(dtype, std::move(shape));
  const std::size_t bytes = std::max<std::size_t>(state->layout.nbytes(), 1);
  state->owner = std::shared_ptr<void>(::operator new(bytes, alignment),
                                       [](void* memory) { ::operator delete(memory, alignment); });
  state->data = static_cast<std::byte*>(state->owner.get());
  return AnyArray(std::move(state));
}

// Calls f(pointer to element) in row-major order.
template <class F>
void for_each_element(const ArrayState& state, F&& f) {
  const Layout& layout = state.layout;
  const auto items = static_cast<std::ptrdiff_t>(layout.dtype.itemsize());
  const std::size_t dimension = layout.shape.size();
  for (const std::size_t extent : layout.shape) {
    if (extent == 0) return;
  }
  const std::size_t inner = dimension == 0 ? 1 : layout.shape.back();
  const std::ptrdiff_t step = dimension == 0 ? 0 : layout.strides.back() * items;
  Shape index(dimension, 0);
  const std::byte* row = state.data;
  for (;;) {
    for (std::size_t i = 0; i < inner; ++i) f(row + static_cast<std::ptrdiff_t>(i) * step);
    if (dimension < 2) return;
    std::size_t axis = dimension - 1;
    while (axis > 0) {
      --axis;
      row += layout.strides[axis] * items;
      if (++index[axis] < layout.shape[axis]) break;
      row -= static_cast<std::ptrdiff_t>(layout.shape[axis]) * layout.strides[axis] * items;
      index[axis] = 0;
      if (axis == 0) return;
    }
  }
}

template <class T>
struct Type {
  using type = T;
};

// Calls f(Type<T>) with the C++ type of `dtype`.
template <class F>
auto visit_dtype(DType dtype, F&& f) {
  using Code = DType::Code;
  switch (dtype.code()) {
    case Code::boolean:
      return f(Type<bool>{});
    case Code::int8:
      return f(Type<std::int8_t>{});
    case Code::int16:
      return f(Type<std::int16_t>{});
    case Code::int32:
      return f(Type<std::int32_t>{});
    case Code::int64:
      return f(Type<std::int64_t>{});
    case Code::uint8:
      return f(Type<std::uint8_t>{});
    case Code::uint16:
      return f(Type<std::uint16_t>{});
    case Code::uint32:
      return f(Type<std::uint32_t>{});
    case Code::uint64:
      return f(Type<std::uint64_t>{});
    case Code::float16:
      return f(Type<Float16>{});
    case Code::float32:
      return f(Type<float>{});
    case Code::complex64:
      return f(Type<std::complex<float>>{});
    case Code::complex128:
      return f(Type<std::complex<double>>{});
    case Code::bfloat16:
      return f(Type<BFloat16>{});
    case Code::float64:
      break;
  }
  return f(Type<double>{});
}

// Elements may lie at any address, and a bool from outside need not be 0 or 1.
template <class T>
T load(const std::byte* from) noexcept {
  if constexpr (std::same_as<T, bool>) {
    return *from != std::byte{0};
  } else {
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
  }
}

template <class T>
inline constexpr bool is_complex = detail::OneOf<T, std::complex<float>, std::complex<double>>;
template <class T>
inline constexpr bool is_small_float = detail::OneOf<T, Float16, BFloat16>;

// Bits of the largest integer below which T holds all of them.
template <class T>
inline constexpr int exact_bits = [] {
  if constexpr (std::same_as<T, Float16>)
    return 11;
  else if constexpr (std::same_as<T, BFloat16>)
    return 8;
  else if constexpr (detail::OneOf<T, float, std::complex<float>>)
    return 24;
  else
    return 64;  // numpy counts a 64-bit integer as safe in a double, and so do we
}();

// numpy's "safe" casting: no value changes.
template <class From, class To>
constexpr bool casts_safely() noexcept {
  if constexpr (std::same_as<From, To> || std::same_as<From, bool>)
    return true;
  else if constexpr (std::same_as<To, bool>)
    return false;
  else if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
    if constexpr (std::is_signed_v<From> == std::is_signed_v<To>)
      return sizeof(To) >= sizeof(From);
    else
      return std::is_signed_v<To> && sizeof(To) > sizeof(From);
  } else if constexpr (std::is_integral_v<From>)
    return sizeof(From) * 8 <= static_cast<std::size_t>(exact_bits<To>);
  else if constexpr (std::is_integral_v<To>)
    return false;
  else if constexpr (is_complex<From>)
    return is_complex<To> && sizeof(To) >= sizeof(From);
  else if constexpr (is_small_float<To>)
    return false;
  else if constexpr (std::same_as<From, double>)
    return std::same_as<To, std::complex<double>>;
  else
    return true;
}

template <class To, class From>
To cast(From value) noexcept {
  if constexpr (std::same_as<From, To>)
    return value;
  else if constexpr (is_small_float<From>)
    return To(static_cast<float>(value));
  else if constexpr (is_small_float<To>)
    return To(static_cast<float>(value));
  else if constexpr (is_complex<From>)
    return To(value);
  else if constexpr (is_complex<To>)
    return To(static_cast<typename To::value_type>(value));
  else
    return static_cast<To>(value);
}

template <class From, class To>
void copy_cast(const ArrayState& state, std::byte* out) {
  for_each_element(state, [&out](const std::byte* element) {
    const To value = cast<To>(load<From>(element));
    std::memcpy(out, &value, sizeof(To));
    out += sizeof(To);
  });
}

bool same_bits_are_equal(DType dtype) noexcept { return dtype.code() <= DType::Code::uint64; }

}  // namespace

std::uint64_t inline_limit() noexcept { return the_inline_limit.load(std::memory_order_relaxed); }

void set_inline_limit(std::uint64_t bytes) noexcept { the_inline_limit.store(bytes, std::memory_order_relaxed); }

AnyArray::AnyArray() : state_(none()) {}

std::shared_ptr<const ArrayState> AnyArray::none() noexcept {
  static const auto& kept = *new std::shared_ptr(on_heap(float64, {0}).state());  // static objects' destructors use it
  return {std::shared_ptr<void>(), kept.get()};
}

AnyArray::AnyArray(std::shared_ptr<const ArrayState> state) : state_(std::move(state)) {
  if (state_ == nullptr) throw Error(ErrorKind::bug, "an AnyArray was made of nothing");
}

AnyArray AnyArray::allocate(DType dtype, Shape shape) {
  auto state = std::make_shared<ArrayState>();
  state->layout = Layout::row_major(dtype, std::move(shape));
  state->block = process_arena()->allocate(state->layout.nbytes());
  state->data = state->block->data();
  return AnyArray(std::move(state));
}

AnyArray AnyArray::allocate_to_send(DType dtype, Shape shape) {
  const Layout layout = Layout::row_major(dtype, shape);
  if (layout.nbytes() > inline_limit()) return allocate(dtype, std::move(shape));
  return on_heap(dtype, std::move(shape));
}

AnyArray AnyArray::copy_of(DType dtype, Shape shape, const void* row_major, std::size_t inline_limit) {
  const std::size_t bytes = Layout::row_major(dtype, shape).nbytes();
  AnyArray array = bytes > inline_limit ? allocate(dtype, std::move(shape)) : on_heap(dtype, std::move(shape));
  if (bytes > 0) std::memcpy(array.state_->data, row_major, bytes);
  return array;
}

AnyArray AnyArray::at(std::size_t index) const {
  if (dimension() == 0) throw Error(ErrorKind::invalid, "an array of no dimensions has no items");
  if (index >= shape()[0]) {
    throw Error(ErrorKind::invalid, "index " + std::to_string(index) + " is out of range for an array of shape " +
                                        detail::shape_text(shape()));
  }
  auto state = std::make_shared<ArrayState>(*state_);
  const auto items = static_cast<std::ptrdiff_t>(dtype().itemsize());
  state->data += static_cast<std::ptrdiff_t>(index) * strides()[0] * items;
  state->layout.shape.erase(state->layout.shape.begin());
  state->layout.strides.erase(state->layout.strides.begin());
  return AnyArray(std::move(state));
}

AnyArray AnyArray::read_only() const {
  if (!writable()) return *this;
  auto state = std::make_shared<ArrayState>(*state_);
  state->writable = false;
  return AnyArray(std::move(state));
}

bool AnyArray::casts_safely_to(DType target) const {
  return visit_dtype(dtype(), [&](auto from) {
    return visit_dtype(
        target, [&](auto to) { return casts_safely<typename decltype(from)::type, typename decltype(to)::type>(); });
  });
}

void AnyArray::copy_to(DType target, std::byte* out) const {
  if (target == dtype() && contiguous()) {
    if (nbytes() > 0) std::memcpy(out, state_->data, nbytes());
    return;
  }
  visit_dtype(dtype(), [&](auto from) {
    visit_dtype(target, [&](auto to) {
      using From = typename decltype(from)::type;
      using To = typename decltype(to)::type;
      if constexpr (casts_safely<From, To>())
        copy_cast<From, To>(*state_, out);
      else
        detail::throw_dtype_mismatch(target, dtype());
    });
  });
}

bool AnyArray::equal(const AnyArray& a, const AnyArray& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  if (same_bits_are_equal(a.dtype())) {
    if (a.state_ == b.state_) return true;
    if (a.contiguous() && b.contiguous() && a.dtype() != boolean) {
      return a.nbytes() == 0 || std::memcmp(a.state_->data, b.state_->data, a.nbytes()) == 0;
    }
  }
  return visit_dtype(a.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    std::vector<std::byte> copied;
    const std::byte* other = b.state_->data;
    if (!b.contiguous()) {
      copied.resize(b.nbytes());
      b.copy_to(b.dtype(), copied.data());
      other = copied.data();
    }
    bool same = true;
    for_each_element(*a.state_, [&](const std::byte* element) {
      same = same && load<T>(element) == load<T>(other);
      other += sizeof(T);
    });
    return same;
  });
}

namespace detail {

void throw_dtype_mismatch(DType expected, DType found) {
  throw ConversionError("", "array of " + std::string(expected.name()), "array of " + std::string(found.name()));
}

void throw_read_only() {
  throw Error(ErrorKind::invalid,
              "the array is read-only: read it as Array<const T>, or copy it in Python with numpy.copy");
}

void throw_not_contiguous() {
  throw Error(ErrorKind::invalid, "flat() needs a contiguous array: use view(), or numpy.ascontiguousarray in Python");
}

void throw_shape_mismatch(const Shape& target, const Shape& source) {
  throw Error(ErrorKind::invalid,
              "shape " + shape_text(source) + " can't be assigned to an array of shape " + shape_text(target));
}

}  // namespace detail

}  // namespace py4cpp
