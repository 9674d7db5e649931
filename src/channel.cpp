#include "channel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace py4cpp {

namespace {

constexpr std::size_t read_size = 64 * 1024;    // a pipe's usual capacity: one read takes all of it
constexpr std::size_t kept_size = 1024 * 1024;  // buffers larger than this are given back when empty
constexpr std::size_t flush_size = 256 * 1024;  // written at a time: others wait for the writing half meanwhile

constexpr unsigned borne_misses = 2;  // in a row, before a reader spins less often

constexpr std::size_t padded(std::size_t size) { return (size + 7) / 8 * 8; }

// The plain system calls: glibc's functions are points where a thread can be cancelled, which costs each of them some
// 20 ns as soon as there are several threads. Under a sanitizer glibc's, which it watches.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
ssize_t read_now(int descriptor, void* target, std::size_t size) noexcept { return read(descriptor, target, size); }
ssize_t write_now(int descriptor, const void* data, std::size_t size) noexcept { return write(descriptor, data, size); }
#else
ssize_t read_now(int descriptor, void* target, std::size_t size) noexcept {
  return syscall(SYS_read, descriptor, target, size);
}
ssize_t write_now(int descriptor, const void* data, std::size_t size) noexcept {
  return syscall(SYS_write, descriptor, data, size);
}
#endif

// Returns the flags that the descriptor has then.
int add_flags(int descriptor, int more) {
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETFL, flags | more) < 0) {
    throw Error(ErrorKind::disconnected, std::string("the channel's pipe can't be used: ") + std::strerror(errno));
  }
  return fcntl(descriptor, F_GETFL);
}

unsigned usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::thread::hardware_concurrency();
  return static_cast<unsigned>(CPU_COUNT(&set));
}

}  // namespace

// ---- Spin

// Spinning pays only when the other side can run at the same time.
Spin::Spin(std::chrono::microseconds longest) : longest_(usable_cpus() > 1 ? longest : std::chrono::microseconds(0)) {}

// After n + 2 misses in a row only every 2^n-th wait spins (n at most 6): answers that take long cost little, and it is
// noticed when they become quick again. One that was late once, since the machine had something else to do, doesn't
// send the next wait to sleep: waking up takes many answers' time, and then the other side misses, too.
std::chrono::nanoseconds Spin::budget() noexcept {
  if (longest_.count() == 0) return longest_;
  const unsigned period = 1u << (std::clamp(misses_, borne_misses, borne_misses + 6) - borne_misses);
  if (++skipped_ < period) return std::chrono::nanoseconds(0);
  skipped_ = 0;
  return longest_;
}

void Spin::outcome(bool arrived) noexcept { misses_ = arrived ? 0 : misses_ + 1; }

// ---- Channel

Channel::Channel(int read_descriptor, int write_descriptor) try : read_(read_descriptor), write_(write_descriptor) {
  add_flags(read_, O_NONBLOCK);
  write_mark_ = add_flags(write_, O_NONBLOCK | O_APPEND);  // on a pipe O_APPEND does nothing: hardly another has both
  read_identity_ = Identity::of(read_);
  write_identity_ = Identity::of(write_);
  in_.resize(read_size);
} catch (...) {
  close(read_descriptor);
  close(write_descriptor);
}

Channel::~Channel() {
  if (reads_its_own()) close(read_);
  if (Identity::of(write_) == write_identity_) close(write_);
}

Channel::Identity Channel::Identity::of(int descriptor) noexcept {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

bool Channel::writes_its_own() const noexcept { return syscall(SYS_fcntl, write_, F_GETFL) == write_mark_; }

void Channel::make_room(std::size_t message_size) {
  if (out_start_ > kept_size && out_start_ > out_.size() / 2) {  // a reader that never quite catches up
    out_.erase_front(out_start_);
    out_start_ = 0;
  }
  out_.reserve(out_.size() + sizeof(Header) + message_size);
}

void Channel::queue(const MessageBytes& message) {
  const std::size_t size = message.bytes.size();
  make_room(padded(size));
  std::uint8_t* const start = queue(message.kind, padded(size));
  std::memset(start + size, 0, padded(size) - size);
  if (size > 0) std::memcpy(start, message.bytes.data(), size);
}

std::uint8_t* Channel::queue(wire::MessageKind kind, std::size_t size) {
  const Header header{static_cast<std::uint32_t>(size), static_cast<std::uint16_t>(kind), out_sequence_++};
  std::uint8_t* const start = out_.extend(sizeof header + size);
  std::memcpy(start, &header, sizeof header);
  return start + sizeof header;
}

bool Channel::flush() {
  const std::size_t enough = std::min(out_.size(), out_start_ + flush_size);
  while (out_start_ < enough) {
    const ssize_t written = write_now(write_, out_.data() + out_start_, enough - out_start_);
    if (written > 0) {
      out_start_ += static_cast<std::size_t>(written);
    } else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return false;
    } else if (written < 0 && errno != EINTR) {
      throw Error(ErrorKind::disconnected,
                  std::string("the pipe to the other side is closed: ") + std::strerror(errno));
    }
  }
  if (out_start_ < out_.size()) return false;
  out_.clear();
  out_start_ = 0;
  if (out_.capacity() > kept_size) out_.give_back();
  return true;
}

Channel::Arrival Channel::receive() {
  if (in_start_ == in_end_) {
    in_start_ = in_end_ = 0;
    if (in_.size() > kept_size) {
      in_.resize(read_size);
      in_.shrink_to_fit();
    }
  } else if (in_.size() - in_end_ < read_size) {
    if (in_start_ > 0) std::memmove(in_.data(), in_.data() + in_start_, in_end_ - in_start_);
    in_end_ -= in_start_;
    in_start_ = 0;
    if (in_.size() - in_end_ < read_size) in_.resize(std::max(in_.size() * 2, in_end_ + read_size));
  }
  for (;;) {
    const ssize_t got = read_now(read_, in_.data() + in_end_, in_.size() - in_end_);
    if (got > 0) {
      in_end_ += static_cast<std::size_t>(got);
      return Arrival::bytes;
    }
    if (got == 0) return Arrival::closed;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Arrival::nothing;
    if (errno != EINTR) return Arrival::closed;
  }
}

std::optional<Message> Channel::next() {
  const std::size_t arrived = in_end_ - in_start_;
  Header first;
  if (arrived < sizeof first) return std::nullopt;
  std::memcpy(&first, in_.data() + in_start_, sizeof first);
  if (first.sequence != in_sequence_ || first.size % 8 != 0 || first.size == 0 ||
      first.size > max_message_size + max_message_size / 8) {
    throw BadMessage("the stream is out of step; something else wrote into the pipe");
  }
  if (arrived - sizeof first < first.size) return std::nullopt;
  ++in_sequence_;
  const std::uint8_t* start = in_.data() + in_start_ + sizeof first;
  in_start_ += sizeof first + first.size;
  return std::optional<Message>(std::in_place,
                                MessageBytes{static_cast<wire::MessageKind>(first.kind), {start, first.size}});
}

void Channel::wait(int wake, bool reading, bool writing,
                   std::optional<std::chrono::steady_clock::time_point> deadline) const {
  pollfd watched[3] = {{wake, POLLIN, 0}, {reading ? read_ : -1, POLLIN, 0}, {writing ? write_ : -1, POLLOUT, 0}};
  timespec left{};
  const timespec* limit = nullptr;
  if (deadline) {
    const auto rest =
        std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(*deadline - std::chrono::steady_clock::now()));
    left.tv_sec = static_cast<time_t>(rest.count() / 1'000'000'000);
    left.tv_nsec = static_cast<long>(rest.count() % 1'000'000'000);
    limit = &left;
  }
  ppoll(watched, 3, limit, nullptr);  // whatever the outcome, the caller looks for itself
}

}  // namespace py4cpp
