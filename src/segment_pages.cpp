#include "segment_pages.hpp"

#include "affordable_memory.hpp"
#include "huge_pages.hpp"
#include "segment.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace py4cpp {

namespace {

constexpr std::size_t chunk = std::size_t{16} << 20;
// Absent from Debian 12's headers.
constexpr int populate_write = 23;  // MADV_POPULATE_WRITE, Linux 5.14
constexpr int collapse = 25;        // MADV_COLLAPSE, Linux 6.1

// Growing a file beyond RLIMIT_FSIZE raises SIGXFSZ, whose default action kills, and a signal handler that runs in
// between makes the reservation fail with EINTR. So all signals wait, and a SIGXFSZ of our making is taken back.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
    sigset_t pending;
    was_pending_ = sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() {
    if (!was_pending_) {
      sigset_t ours;
      sigemptyset(&ours);
      sigaddset(&ours, SIGXFSZ);
      const timespec at_once{};
      while (sigtimedwait(&ours, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t before_{};
  bool was_pending_ = false;
};

int reserve(int descriptor, std::size_t from, std::size_t bytes) noexcept {
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(descriptor, static_cast<off_t>(from), static_cast<off_t>(bytes));
  return error;
}

// Whatever the setting (/sys/kernel/mm/transparent_hugepage/shmem_enabled, but for `deny`) the kernel makes one page of
// 2 MiB of what an extent has, if it has anything: so its first page is reserved.
class HugePages {
 public:
  HugePages(int descriptor, PageChoice choice) noexcept : descriptor_(descriptor), choice_(choice) {}

  // In as many of these extents as is worth it. What remains is for pages of 4 KiB.
  void provide(std::size_t from, std::byte* data, std::size_t bytes) noexcept {
    const std::byte* const past = data + bytes / huge_page * huge_page;
    for (; possible_ && data < past; data += huge_page, from += huge_page) {
      const bool paced = choice_ == PageChoice::soon;
      if (paced && !pace_.worth_it()) continue;
      possible_ = reserve(descriptor_, from, Segment::page) == 0 && ::madvise(data, huge_page, collapse) == 0;
      if (paced) pace_.done();
    }
  }

 private:
  const int descriptor_;
  const PageChoice choice_;
  HugePagePace pace_;
  bool possible_ = true;  // not on an old kernel, and where memory is in pieces
};

// /dev/shm may be allowed more than there is, and the kernel would rather kill processes than refuse.
bool affordable(std::size_t bytes) noexcept { return bytes < chunk || bytes <= affordable_memory(); }

int populate(std::byte* data, std::size_t bytes) noexcept {
  while (::madvise(data, bytes, populate_write) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    // Older kernels have no such advice, and a refused one costs only speed: the pages are reserved.
    return errno == ENOMEM || errno == EFAULT ? ENOMEM : 0;
  }
  return 0;
}

}  // namespace

std::uint64_t file_system_room() noexcept {
  struct statvfs facts {};
  if (::statvfs("/dev/shm", &facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

int set_size(int descriptor, std::size_t bytes, std::uint64_t spare) noexcept {
  const std::uint64_t room = file_system_room();
  if (bytes > room || room - bytes < spare) return ENOSPC;  // what is hopeless must not first fill it for everybody
  if (!affordable(bytes)) return ENOMEM;
  const SignalsBlocked blocked;
  return ::ftruncate(descriptor, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
}

int provide_pages(int descriptor, std::byte* data, std::size_t bytes, PageChoice choice) noexcept {
  HugePages huge(descriptor, choice);
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % huge_page == 0;
  for (std::size_t done = 0; done < bytes; done += chunk) {
    const std::size_t piece = std::min(chunk, bytes - done);
    if (!affordable(bytes - done)) return ENOMEM;
    const SignalsBlocked blocked;
    if (aligned) huge.provide(done, data + done, piece);
    int error = reserve(descriptor, done, piece);
    if (error == 0) error = populate(data + done, piece);
    if (error != 0) return error;
  }
  return 0;
}

HugeAlignedRoom::HugeAlignedRoom(std::size_t bytes) noexcept
    : bytes_((bytes + Segment::page - 1) / Segment::page * Segment::page) {
  if (bytes < huge_page) return;
  whole_bytes_ = bytes_ + huge_page;
  void* const room = ::mmap(nullptr, whole_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return;
  whole_ = static_cast<std::byte*>(room);
  start_ = whole_ + (huge_page - reinterpret_cast<std::uintptr_t>(room) % huge_page) % huge_page;
}

HugeAlignedRoom::~HugeAlignedRoom() {
  if (whole_ == nullptr) return;
  if (!is_taken_) {
    ::munmap(whole_, whole_bytes_);
    return;
  }
  const auto ahead = static_cast<std::size_t>(start_ - whole_);
  if (ahead != 0) ::munmap(whole_, ahead);
  if (ahead != huge_page) ::munmap(start_ + bytes_, huge_page - ahead);
}

}  // namespace py4cpp
