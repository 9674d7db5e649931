// What a thread has freed last, for what it allocates next: malloc's own such list ends at 1 KiB, and beyond it locks,
// splits and joins, which is 2 % of an operation of numpy's on 8 KiB. Each thread has a list; what is left in it when
// the thread ends is freed then.
#pragma once

#include <cstddef>

namespace py4cpp {

constexpr std::size_t most_kept_freed = std::size_t{32} << 10;  // bytes; larger buffers aren't kept

// A buffer of at least that many bytes, for free(): one that was kept, else a new one. Those begin with a line of the
// processor's caches, and are an eighth longer than asked for, lest neighbours begin at the same place in a page (a
// load waits for a store at its place in another page): 3 % of `a * 2 + b` on 8 KiB. Null for what is larger than the
// list keeps, and where there is no memory.
void* small_buffer(std::size_t size) noexcept;
// The list takes over memory for free() of at least that many bytes, and may free what it has had for longest; false if
// it doesn't.
bool keep_freed(void* data, std::size_t size) noexcept;

}  // namespace py4cpp
