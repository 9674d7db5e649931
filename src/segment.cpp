#include "segment.hpp"

#include "affordable_memory.hpp"
#include "segment_pages.hpp"

#include <py4cpp/error.hpp>

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace py4cpp {

namespace ipc = boost::interprocess;

namespace {

std::uint64_t bytes_available() noexcept { return std::min(file_system_room(), affordable_memory()); }

// No message says which name it was about.
[[noreturn]] void fail(int error, std::size_t asked) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      throw OutOfSharedMemory(asked, bytes_available());
    case ENOMEM:
      throw OutOfSharedMemory(asked, bytes_available(),
                              "the machine, or a limit (ulimit -v, cgroup), has no more memory");
    case EFBIG:
      throw OutOfSharedMemory(asked, bytes_available(), "the limit on file sizes (ulimit -f) is lower");
    default:
      throw Error(ErrorKind::exhausted, std::string("cannot create shared memory: ") + std::strerror(error));
  }
}

}  // namespace

struct Segment::Mapping {
  ipc::shared_memory_object object;
  ipc::mapped_region region;
};

ArenaId make_arena_id() {
  ArenaId id;
  id.pid = ::getpid();
  std::uint64_t random[2];
  std::size_t have = 0;
  while (have < sizeof random) {
    const ssize_t got = ::getrandom(reinterpret_cast<char*>(random) + have, sizeof random - have, 0);
    if (got < 0 && errno != EINTR) throw Error(ErrorKind::exhausted, "the system gives no random numbers");
    if (got > 0) have += static_cast<std::size_t>(got);
  }
  id.high = random[0];
  id.low = random[1];
  return id;
}

std::string segment_name(const ArenaId& arena, std::uint32_t number) {
  char text[80];
  const int length = std::snprintf(text, sizeof text, "py4cpp.%ld.%016llx%016llx.%lu", static_cast<long>(arena.pid),
                                   static_cast<unsigned long long>(arena.high),
                                   static_cast<unsigned long long>(arena.low), static_cast<unsigned long>(number));
  return {text, static_cast<std::size_t>(length)};
}

Segment::Segment(const ArenaId& arena, std::uint32_t number, bool owned, std::unique_ptr<Mapping> mapping)
    : arena_(arena), number_(number), owned_(owned), mapping_(std::move(mapping)) {}

std::shared_ptr<Segment> Segment::create(const ArenaId& arena, std::uint32_t number, std::size_t bytes,
                                         std::size_t asked, std::uint64_t spare, PageChoice choice) {
  const std::string name = segment_name(arena, number);
  auto mapping = std::make_unique<Mapping>();
  try {
    mapping->object =
        ipc::shared_memory_object(ipc::create_only, name.c_str(), ipc::read_write, ipc::permissions(0600));
  } catch (const ipc::interprocess_exception& error) {
    fail(error.get_native_error(), asked);
  }
  // From here on the name goes with this object, whatever is thrown.
  std::shared_ptr<Segment> segment;
  try {
    segment.reset(new Segment(arena, number, true, std::move(mapping)));
  } catch (...) {
    ipc::shared_memory_object::remove(name.c_str());
    throw;
  }
  int error = set_size(segment->descriptor(), bytes, spare);
  if (error == 0) error = segment->map(bytes);
  if (error == 0) error = provide_pages(segment->descriptor(), segment->data(), bytes, choice);
  if (error != 0) {
    segment.reset();  // before the error looks at how much is free
    fail(error, asked);
  }
  return segment;
}

// Returns an errno value.
int Segment::map(std::size_t bytes) {
  try {
    HugeAlignedRoom room(bytes);
    if (room.start() == nullptr) {
      mapping_->region = ipc::mapped_region(mapping_->object, ipc::read_write, 0, bytes);
    } else {
      mapping_->region = ipc::mapped_region(mapping_->object, ipc::read_write, 0, bytes, room.start(), MAP_FIXED);
      room.taken();
    }
    enlist();
    return 0;
  } catch (const ipc::interprocess_exception& error) {
    return error.get_native_error();
  }
}

std::shared_ptr<Segment> Segment::attach(const ArenaId& arena, std::uint32_t number) {
  auto mapping = std::make_unique<Mapping>();
  try {
    mapping->object = ipc::shared_memory_object(ipc::open_only, segment_name(arena, number).c_str(), ipc::read_write);
  } catch (const ipc::interprocess_exception& error) {
    const int cause = error.get_native_error();
    const std::string failed = std::string("cannot attach shared memory: ") + std::strerror(cause);
    if (cause == EMFILE || cause == ENFILE || cause == ENOMEM) throw Error(ErrorKind::exhausted, failed);
    if (cause == ENOENT) {
      throw Error(ErrorKind::exhausted, failed +
                                            "; its name was removed from /dev/shm (systemd does that when a user " +
                                            "logs out, unless RemoveIPC=no)");
    }
    if (cause == EACCES) {
      throw Error(ErrorKind::exhausted, failed + "; this process runs as another user than the one that made it");
    }
    throw Error(ErrorKind::bug,
                std::string("a descriptor names a segment that can't be attached: ") + std::strerror(cause));
  }
  struct stat facts {};
  if (::fstat(mapping->object.get_mapping_handle().handle, &facts) != 0 || !S_ISREG(facts.st_mode) ||
      facts.st_uid != ::geteuid() || (facts.st_mode & 077) != 0 || facts.st_size <= 0) {
    throw Error(ErrorKind::bug, "a descriptor names a segment that isn't one of ours");
  }
  std::shared_ptr<Segment> segment(new Segment(arena, number, false, std::move(mapping)));
  if (const int error = segment->map(static_cast<std::size_t>(facts.st_size)); error != 0) {
    throw Error(ErrorKind::exhausted, std::string("cannot map shared memory: ") + std::strerror(error));
  }
  return segment;
}

Segment::~Segment() {
  delist();
  unlink();
  keeper_.reset();
}

std::byte* Segment::data() const noexcept { return static_cast<std::byte*>(mapping_->region.get_address()); }

std::size_t Segment::size() const noexcept { return mapping_->region.get_size(); }

int Segment::descriptor() const noexcept { return mapping_->object.get_mapping_handle().handle; }

void Segment::unlink() noexcept {
  if (!made_in_.surely_same_process() || !owned_.exchange(false)) return;
  try {
    ::shm_unlink(segment_name(arena_, number_).c_str());
  } catch (...) {  // no memory for the name: the lease's next janitor finds it
  }
}

// By its mapping: the descriptor may have become another file's, if user code has closed it.
void Segment::discard() noexcept {
  if (made_in_.surely_same_process()) ::madvise(data(), size(), MADV_REMOVE);
}

void Segment::inherit(std::shared_ptr<void> keeper) noexcept {
  keeper_ = std::move(keeper);
  owned_.store(true);
}

}  // namespace py4cpp
