#include "spare_writers.hpp"

#include <array>
#include <cstddef>

namespace py4cpp {

namespace {

// Without a destructor, since it is looked at when those of the thread have run, too.
struct Spare {
  std::array<ValueWriter*, 8> writers;
  std::size_t count;
  bool is_over;
};
constinit thread_local Spare spare{};

struct Sweeper {
  bool is_there = false;  // touching it makes the thread run the destructor
  ~Sweeper() {
    spare.is_over = true;
    while (spare.count > 0) delete spare.writers[--spare.count];
  }
};
thread_local Sweeper sweeper;

}  // namespace

std::unique_ptr<ValueWriter> take_spare_writer() {
  Spare& mine = spare;
  if (mine.count == 0) return std::make_unique<ValueWriter>();
  return std::unique_ptr<ValueWriter>(mine.writers[--mine.count]);
}

void keep_spare_writer(std::unique_ptr<ValueWriter> writer) noexcept {
  Spare& mine = spare;
  if (mine.is_over || mine.count == mine.writers.size()) return;
  sweeper.is_there = true;
  mine.writers[mine.count++] = writer.release();
}

}  // namespace py4cpp
