// What a thread has freed last, for what it allocates next: malloc's own such list ends at 1 KiB, and beyond it locks,
// splits and joins, which is 2 % of an operation of numpy's on 8 KiB. Each thread has a list; what is left in it when
// the thread ends is freed then.
#pragma once

#include <cstddef>

namespace py4cpp {

constexpr std::size_t most_kept_freed = std::size_t{32} << 10;  // bytes; larger buffers aren't kept

// A buffer of at least that many bytes that was kept, or null.
void* take_freed(std::size_t size) noexcept;
// The list takes over memory of malloc of at least that many bytes, and may free what it has had for longest; false if
// it doesn't.
bool keep_freed(void* data, std::size_t size) noexcept;

}  // namespace py4cpp
