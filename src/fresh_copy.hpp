// Copying into private memory that was just allocated and that nobody has touched. Most of what that costs are the
// faults, one a page of 4 KiB: what is large asks for pages of 2 MiB, as numpy does, which the system may grant. And it
// copies piece by piece: memcpy writes what is large past the cache, to which the kernel has just brought the zeros.
// Four times as fast together. Any thread.
#pragma once

#include <algorithm>
#include <cstddef>

namespace py4cpp {

// Writes `bytes` of `from` to `to`.
void copy_into_fresh(void* to, const void* from, std::size_t bytes) noexcept;

namespace detail {
constexpr std::size_t fresh_piece = std::size_t{1} << 20;
void ask_for_huge_pages(void* data, std::size_t bytes) noexcept;  // where it is large enough
}  // namespace detail

// A string or vector with the elements [first, first + count).
template <class Container>
Container fresh_copy(const typename Container::value_type* first, std::size_t count) {
  Container copy;
  copy.reserve(count);
  detail::ask_for_huge_pages(copy.data(), count * sizeof *first);
  for (std::size_t done = 0; done < count;) {
    const std::size_t piece = std::min(count - done, detail::fresh_piece / sizeof *first);
    copy.insert(copy.end(), first + done, first + done + piece);
    done += piece;
  }
  return copy;
}

}  // namespace py4cpp
