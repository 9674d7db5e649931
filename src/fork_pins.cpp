#include "fork_pins.hpp"

#include "high_descriptor.hpp"
#include "segment.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace py4cpp {

namespace {

// One at most. Whoever forks, makes or destroys it holds the mutex.
struct Current {
  std::mutex mutex;
  ForkPins* pins = nullptr;
};

Current& current() {
  static auto* const instance = new Current;
  return *instance;
}

ino_t inode_of(int descriptor) noexcept {
  struct stat facts {};
  return ::fstat(descriptor, &facts) == 0 && S_ISFIFO(facts.st_mode) ? facts.st_ino : 0;
}

// User code may have closed it, and opened something else under its number.
void close_pipe(int descriptor, ino_t inode) noexcept {
  if (inode != 0 && inode_of(descriptor) == inode) ::close(descriptor);
}

}  // namespace

ForkPins::ForkPins(std::shared_ptr<Arena> arena) : arena_(std::move(arena)), ended_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (ended_ < 0) throw_no_descriptor();
  ended_ = move_high_if_possible(ended_);
  [[maybe_unused]] static const int registered =
      ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  const std::lock_guard lock(current().mutex);
  current().pins = this;
}

ForkPins::~ForkPins() {
  {
    const std::lock_guard lock(current().mutex);
    if (current().pins != this) return;  // a forked child: nothing here is its own
    current().pins = nullptr;
  }
  for (auto& [id, pin] : pins_) close_pipe(pin.descriptor, pin.inode);
  ::close(ended_);
}

void ForkPins::include(BlockLedger& ledger) {
  const std::lock_guard lock(mutex_);
  ledger_ = &ledger;
}

std::size_t ForkPins::pinned() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [id, pin] : pins_) count += pin.blocks.size();
  return count;
}

bool ForkPins::is_pinned(const std::shared_ptr<Block>& block) noexcept {
  const std::lock_guard one(current().mutex);
  if (current().pins == nullptr) return false;
  const std::lock_guard lock(current().pins->mutex_);
  const auto& pins = current().pins->pins_;
  return std::any_of(pins.begin(), pins.end(), [&](const auto& entry) {
    const Blocks& blocks = entry.second.blocks;
    return std::find(blocks.begin(), blocks.end(), block) != blocks.end();
  });
}

bool ForkPins::collect() noexcept {
  std::array<epoll_event, 16> events{};
  for (;;) {
    const int count = ::epoll_wait(ended_, events.data(), static_cast<int>(events.size()), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    for (int i = 0; i < count; ++i) take_ended(events[static_cast<std::size_t>(i)].data.u64);  // die here, unlocked
    if (count == 0) return true;
  }
}

ForkPins::Blocks ForkPins::take_ended(std::uint64_t id) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = pins_.find(id);
  if (found == pins_.end()) return {};
  Blocks blocks = std::move(found->second.blocks);
  close_pipe(found->second.descriptor, found->second.inode);
  pins_.erase(found);
  return blocks;
}

// ---- around a fork

void ForkPins::before_fork() {
  current().mutex.lock();
  if (current().pins != nullptr) current().pins->prepare();
}

void ForkPins::after_fork_in_parent() noexcept {
  if (current().pins != nullptr) current().pins->settle();
  current().mutex.unlock();
}

void ForkPins::after_fork_in_child() noexcept {
  if (current().pins != nullptr) current().pins->forget();
  current().pins = nullptr;
  current().mutex.unlock();
}

// Nothing can stop a fork: without memory for the list it goes on, and the child may find its arrays overwritten.
void ForkPins::prepare() {
  mutex_.lock();
  coming_ = pins_.end();
  try {
    Blocks blocks = arena_->live_blocks();
    if (ledger_ != nullptr) {
      const Blocks borrowed = ledger_->borrowed();
      blocks.insert(blocks.end(), borrowed.begin(), borrowed.end());
    }
    if (!blocks.empty()) coming_ = pins_.emplace(++last_id_, Pin{-1, 0, std::move(blocks)}).first;
  } catch (const std::exception&) {
  }
  int ends[2];
  if (coming_ != pins_.end() && ::pipe2(ends, O_CLOEXEC) == 0) {
    coming_->second.descriptor = move_high_if_possible(ends[0]);
    coming_->second.inode = inode_of(coming_->second.descriptor);
    child_ = move_high_if_possible(ends[1]);
  }
  Segment::hold_all();  // last: what died until here may have been the last of its segment
}

void ForkPins::settle() noexcept {
  Segment::let_go_all();
  if (child_ >= 0) {
    ::close(std::exchange(child_, -1));
    epoll_event event{};
    event.events = EPOLLET;  // the end is reported unasked, and once is enough
    event.data.u64 = coming_->first;
    ::epoll_ctl(ended_, EPOLL_CTL_ADD, coming_->second.descriptor, &event);
  }
  mutex_.unlock();
}

// The child keeps the writing end, which is all that tells of its life. The blocks are its parent's.
void ForkPins::forget() noexcept {
  Segment::make_all_private();
  Segment::let_go_all();
  for (const auto& [id, pin] : pins_) close_pipe(pin.descriptor, pin.inode);
  ::close(ended_);
  mutex_.unlock();
}

}  // namespace py4cpp
