// How much memory can still be taken before the kernel starts killing processes: pages of shared memory are reserved at
// once, and /dev/shm may be allowed more than the machine, or the container, has. Any thread.
#pragma once

#include <cstdint>

namespace py4cpp {

// Bytes, an estimate: what is free or easily reclaimed on the machine and under each of our cgroup's limits (version
// 2), less a sixteenth for everybody else. The largest number there is where the system doesn't say. Some 50 µs.
std::uint64_t affordable_memory() noexcept;

}  // namespace py4cpp
