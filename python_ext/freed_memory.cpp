#include "freed_memory.hpp"

#include <array>
#include <cstdlib>

namespace py4cpp {

namespace {

constexpr std::size_t line = 64;

struct Freed {
  void* data;
  std::size_t size;
};

// Without a destructor, since memory is freed after those of a thread have run, too.
struct List {
  std::array<Freed, 6> buffers;  // the newest last
  std::size_t count;
  bool is_over;

  void remove(std::size_t at) noexcept {
    for (--count; at < count; ++at) buffers[at] = buffers[at + 1];
  }
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

void* small_buffer(std::size_t size) noexcept {
  List& mine = list;
  for (std::size_t i = mine.count; i-- > 0;) {
    const Freed found = mine.buffers[i];
    if (found.size < size || found.size - size > size / 4) continue;
    mine.remove(i);
    return found.data;
  }
  if (size > most_kept_freed) return nullptr;
  return std::aligned_alloc(line, (size + size / 8 + line - 1) / line * line);
}

bool keep_freed(void* data, std::size_t size) noexcept {
  List& mine = list;
  if (data == nullptr || size > most_kept_freed || mine.is_over) return false;
  sweeper.is_there = true;
  if (mine.count == mine.buffers.size()) {
    std::free(mine.buffers[0].data);
    mine.remove(0);
  }
  mine.buffers[mine.count++] = {data, size};
  return true;
}

}  // namespace py4cpp
