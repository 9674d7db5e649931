#include "freed_memory.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace py4cpp {

namespace {

struct Freed {
  void* data;
  std::size_t size;
};

// Without a destructor, since memory is freed after those of a thread have run, too.
struct List {
  std::array<Freed, 6> buffers;  // the newest first
  std::size_t count;
  bool is_over;
};
constinit thread_local List list{};

struct Sweeper {
  bool is_there = false;  // touching it makes the thread run the destructor
  ~Sweeper() {
    list.is_over = true;
    for (; list.count != 0; --list.count) std::free(list.buffers[list.count - 1].data);
  }
};
thread_local Sweeper sweeper;

}  // namespace

void* take_freed(std::size_t size) noexcept {
  List& mine = list;
  for (std::size_t i = 0; i < mine.count; ++i) {
    const Freed found = mine.buffers[i];
    if (found.size < size || found.size - size > size / 4) continue;
    std::copy(mine.buffers.begin() + i + 1, mine.buffers.begin() + mine.count, mine.buffers.begin() + i);
    --mine.count;
    return found.data;
  }
  return nullptr;
}

bool keep_freed(void* data, std::size_t size) noexcept {
  List& mine = list;
  if (data == nullptr || size > most_kept_freed || mine.is_over) return false;
  sweeper.is_there = true;
  if (mine.count == mine.buffers.size()) std::free(mine.buffers[--mine.count].data);
  std::copy_backward(mine.buffers.begin(), mine.buffers.begin() + mine.count, mine.buffers.begin() + mine.count + 1);
  mine.buffers[0] = {data, size};
  ++mine.count;
  return true;
}

}  // namespace py4cpp
