// A row of plain values that grows, for putting messages together: like std::vector, but what is added isn't cleared
// first, and adding a little takes a few instructions. Throws std::bad_alloc. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace py4cpp {

template <class T>
class PlainVector {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  PlainVector() = default;
  ~PlainVector() { std::free(data_); }
  PlainVector(PlainVector&& other) noexcept { swap(other); }
  PlainVector& operator=(PlainVector&& other) noexcept {
    swap(other);
    return *this;
  }
  void swap(PlainVector& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  T& back() noexcept { return data_[size_ - 1]; }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow(capacity);
  }
  // As many more, which hold anything; valid until the next call.
  T* extend(std::size_t count) {
    if (count > capacity_ - size_) grow(size_ + count);
    return data_ + std::exchange(size_, size_ + count);
  }
  void append(const T* first, std::size_t count) {
    if (count > 0) std::memcpy(static_cast<void*>(extend(count)), first, count * sizeof(T));
  }
  template <class... Args>
  void emplace_back(Args&&... args) {
    if (size_ == capacity_) grow(size_ + 1);
    ::new (static_cast<void*>(data_ + size_)) T(std::forward<Args>(args)...);
    ++size_;
  }

  void erase_front(std::size_t count) noexcept {
    size_ -= count;
    std::memmove(static_cast<void*>(data_), data_ + count, size_ * sizeof(T));
  }
  void clear() noexcept { size_ = 0; }
  void give_back() noexcept {  // clear(), and its memory
    std::free(std::exchange(data_, nullptr));
    size_ = capacity_ = 0;
  }

 private:
  [[gnu::noinline]] void grow(std::size_t least) {
    const std::size_t capacity = std::max({least, 2 * capacity_, 64 / sizeof(T) + 1});
    void* const larger =
        capacity > PTRDIFF_MAX / sizeof(T) ? nullptr : std::realloc(static_cast<void*>(data_), capacity * sizeof(T));
    if (larger == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(larger);
    capacity_ = capacity;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace py4cpp
