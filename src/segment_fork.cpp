// The list of this process's segments, and what a forked child does with it. A shared mapping is inherited as such:
// what the child writes, or what it finds after the parent has recycled a block, would be the other's data.
#include "segment.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <mutex>

namespace py4cpp {

namespace {

// A private mapping: of the file, or with -1 of fresh memory. Made elsewhere first, so that what was mapped is still
// there if there is no memory for it.
void* map_private(std::size_t bytes, int descriptor) noexcept {
  const int kind = MAP_PRIVATE | MAP_NORESERVE | (descriptor < 0 ? MAP_ANONYMOUS : 0);
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kind, descriptor, 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
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
  void* mapped = map_private(size(), ours ? descriptor() : -1);
  if (mapped != nullptr && !ours) std::memcpy(mapped, data(), size());  // user code has closed the descriptor
  if (mapped != nullptr) mapped = ::mremap(mapped, size(), size(), MREMAP_MAYMOVE | MREMAP_FIXED, data());
  // Without memory it dies of writing, rather than change the parent's data.
  if (mapped != data()) ::mprotect(data(), size(), PROT_READ);
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
