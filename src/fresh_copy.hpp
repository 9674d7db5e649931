// Copying into private memory that was just allocated and that nobody has touched. Most of what that costs are the
// faults, one a page of 4 KiB: what is large asks for pages of 2 MiB, as numpy does, which the system may grant. And it
// copies piece by piece: memcpy writes what is large past the cache, to which the kernel has just brought the zeros.
// Four times as fast together. Any thread.
#pragma once

#include "huge_pages.hpp"

#include <algorithm>
#include <cstddef>

namespace py4cpp {

// Cuts a run of fresh memory into pieces: next() is how long the next one is, 0 at the end; each is to be filled before
// the next is asked for.
class FreshPieces {
 public:
  FreshPieces(void* data, std::size_t bytes) noexcept;
  std::size_t next() noexcept;  // bytes

 private:
  std::byte* at_;
  std::size_t left_;
  bool large_;
  bool asked_ = false;
  HugePagePace pace_;
};

// Writes `bytes` of `from` to `to`.
void copy_into_fresh(void* to, const void* from, std::size_t bytes) noexcept;

// A string or vector with the elements [first, first + count), which are bytes.
template <class Container>
Container fresh_copy(const typename Container::value_type* first, std::size_t count) {
  static_assert(sizeof *first == 1);
  Container copy;
  copy.reserve(count);
  FreshPieces pieces(copy.data(), count);
  while (const std::size_t piece = pieces.next()) {
    copy.insert(copy.end(), first, first + piece);
    first += piece;
  }
  return copy;
}

}  // namespace py4cpp
