// How often this process has taken memory from the heap, in all its threads: malloc and its like, operator new among
// them. Any thread.
#pragma once

#include <cstdint>

namespace py4cpp::test {

std::uint64_t allocations() noexcept;

}  // namespace py4cpp::test
