// The list of this process's segments, and what a forked child does with it. A shared mapping is inherited as such:
// what the child writes, or what it finds after the parent has recycled a block, would be the other's data.
#include "segment.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <mutex>

namespace py4cpp {

namespace {

constexpr int access = PROT_READ | PROT_WRITE;
constexpr int kind = MAP_PRIVATE | MAP_NORESERVE;

bool map_over(std::byte* data, std::size_t bytes, int descriptor) noexcept {
  return ::mmap(data, bytes, access, kind | MAP_FIXED, descriptor, 0) == data;
}

bool replace_by_copy(std::byte* data, std::size_t bytes) noexcept {
  void* const copy = ::mmap(nullptr, bytes, access, kind | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return false;
  std::memcpy(copy, data, bytes);
  return ::mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, data) == data;
}

}  // namespace

struct Segment::All {
  std::mutex mutex;
  Segment* first = nullptr;
};

// Never destroyed: segments in static storage may die after everything of ours.
Segment::All& Segment::all() {
  static auto* const instance = new All;
  return *instance;
}

void Segment::hold_all() { all().mutex.lock(); }

void Segment::let_go_all() noexcept { all().mutex.unlock(); }

void Segment::make_all_private() noexcept {
  for (Segment* segment = all().first; segment != nullptr; segment = segment->after_) segment->make_private();
}

void Segment::make_private() noexcept {
  struct stat facts {};
  const bool ours = ::fstat(descriptor(), &facts) == 0 && facts.st_dev == device_ && facts.st_ino == inode_;
  // User code may have closed the descriptor.
  if (ours ? map_over(data(), size(), descriptor()) : replace_by_copy(data(), size())) return;
  ::mprotect(data(), size(), PROT_READ);  // no memory: it dies of writing, rather than change the parent's data
}

void Segment::enlist() {
  struct stat facts {};
  if (::fstat(descriptor(), &facts) == 0) {
    device_ = facts.st_dev;
    inode_ = facts.st_ino;
  }
  const std::lock_guard lock(all().mutex);
  after_ = all().first;
  if (after_ != nullptr) after_->before_ = this;
  all().first = this;
  listed_ = true;
}

void Segment::delist() noexcept {
  if (!listed_) return;
  const std::lock_guard lock(all().mutex);
  (before_ != nullptr ? before_->after_ : all().first) = after_;
  if (after_ != nullptr) after_->before_ = before_;
}

}  // namespace py4cpp
