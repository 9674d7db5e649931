#include "lease.hpp"

#include <py4cpp/error.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace py4cpp {

namespace {

constexpr const char* directory_path = "/dev/shm";
constexpr int open_flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;  // a look-alike that is a pipe mustn't block

std::string lease_name(const ArenaId& arena) {
  std::string name = segment_name(arena, 0);
  name.replace(name.size() - 1, 1, "lease");
  return name;
}

std::string lease_path(const ArenaId& arena) { return std::string(directory_path) + '/' + lease_name(arena); }

// A name of ours, taken apart. `number` is empty for a lease.
struct Name {
  ArenaId arena;
  std::optional<std::uint32_t> number;
};

template <class T>
bool read_number(std::string_view text, int base, T& number) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end == text.data() + text.size();
}

// Only what we would have written ourselves: the name is put together again and compared.
std::optional<Name> parse(std::string_view text) {
  constexpr std::string_view prefix = "py4cpp.";
  if (!text.starts_with(prefix)) return std::nullopt;
  const std::size_t first = text.find('.', prefix.size());
  if (first == text.npos) return std::nullopt;
  const std::size_t second = first + 1 + 32;
  if (text.size() <= second + 1 || text[second] != '.') return std::nullopt;
  Name name;
  if (!read_number(text.substr(prefix.size(), first - prefix.size()), 10, name.arena.pid) || name.arena.pid <= 0 ||
      !read_number(text.substr(first + 1, 16), 16, name.arena.high) ||
      !read_number(text.substr(first + 17, 16), 16, name.arena.low)) {
    return std::nullopt;
  }
  const std::string_view last = text.substr(second + 1);
  if (last == "lease") return lease_name(name.arena) == text ? std::optional(name) : std::nullopt;
  std::uint32_t number = 0;
  if (!read_number(last, 10, number)) return std::nullopt;
  name.number = number;
  return segment_name(name.arena, number) == text ? std::optional(name) : std::nullopt;
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

// Calls `visit(directory's descriptor, text, Name, stat)` for each regular file of this user whose name is ours.
template <class Visit>
void each_name(Visit visit) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(directory_path));
  if (!directory) return;
  const int descriptor = ::dirfd(directory.get());
  while (const dirent* entry = ::readdir(directory.get())) {
    const auto name = parse(entry->d_name);
    if (!name) continue;
    struct stat facts {};
    if (::fstatat(descriptor, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(facts.st_mode) || facts.st_uid != ::geteuid()) continue;
    visit(descriptor, entry->d_name, *name, facts);
  }
}

bool lock(int descriptor, short type) noexcept {
  struct flock whole {};
  whole.l_type = type;
  whole.l_whence = SEEK_SET;
  int result = -1;
  do {
    result = ::fcntl(descriptor, F_OFD_SETLK, &whole);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

// Whether the path still leads to the file that is open: a janitor may have removed it before we had the lock.
bool still_linked(int descriptor, const char* path) noexcept {
  struct stat open_file {};
  struct stat named {};
  return ::fstat(descriptor, &open_file) == 0 && S_ISREG(open_file.st_mode) && open_file.st_uid == ::geteuid() &&
         open_file.st_nlink > 0 && ::lstat(path, &named) == 0 && named.st_dev == open_file.st_dev &&
         named.st_ino == open_file.st_ino;
}

std::size_t unlink_segments(const ArenaId& arena, const std::unordered_set<std::uint32_t>& keep) {
  std::size_t removed = 0;
  each_name([&](int directory, const char* text, const Name& name, const struct stat&) {
    if (name.arena != arena || !name.number || keep.contains(*name.number)) return;
    if (::unlinkat(directory, text, 0) == 0) ++removed;
  });
  return removed;
}

}  // namespace

Lease::Lease(const ArenaId& arena, int descriptor, bool removes) noexcept
    : arena_(arena), descriptor_(descriptor), removes_(removes) {}

// Locks what was opened and makes sure that it is still what the path leads to.
std::optional<Lease> Lease::locked(const ArenaId& arena, int descriptor, bool exclusive, bool removes) {
  Lease lease(arena, descriptor, false);
  if (!lock(descriptor, exclusive ? F_WRLCK : F_RDLCK)) return std::nullopt;
  if (!still_linked(descriptor, lease_path(arena).c_str())) return std::nullopt;
  lease.removes_ = removes;
  return lease;
}

std::optional<Lease> Lease::acquire(const ArenaId& arena) {
  const int descriptor = open_unforked(lease_path(arena).c_str(), open_flags | O_CREAT | O_EXCL, 0600);
  if (descriptor >= 0) return locked(arena, descriptor, false, true);
  if (errno == EEXIST) return std::nullopt;
  throw Error(ErrorKind::exhausted, std::string("cannot use /dev/shm: ") + std::strerror(errno));
}

std::optional<Lease> Lease::join(const ArenaId& arena) noexcept {
  try {
    const int descriptor = open_unforked(lease_path(arena).c_str(), open_flags);
    return descriptor < 0 ? std::nullopt : locked(arena, descriptor, false, false);
  } catch (...) {  // no memory
    return std::nullopt;
  }
}

std::optional<Lease> Lease::take(const ArenaId& arena) {
  const int descriptor = open_unforked(lease_path(arena).c_str(), open_flags);
  return descriptor < 0 ? std::nullopt : locked(arena, descriptor, true, true);
}

Lease::Lease(Lease&& other) noexcept
    : arena_(other.arena_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      removes_(other.removes_),
      made_in_(other.made_in_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    drop();
    arena_ = other.arena_;
    descriptor_ = std::exchange(other.descriptor_, -1);
    removes_ = other.removes_;
    made_in_ = other.made_in_;
  }
  return *this;
}

Lease::~Lease() { drop(); }

void Lease::drop() noexcept {
  const int descriptor = std::exchange(descriptor_, -1);
  // A forked child's copy was closed by the fork, and the number may be somebody else's by now.
  if (descriptor < 0 || !made_in_.same_process()) return;
  if (removes_ && made_in_.surely_same_process()) {
    try {
      ::unlink(lease_path(arena_).c_str());
    } catch (...) {  // no memory for the path: the next janitor finds it
    }
  }
  close_unforked(descriptor);
}

std::size_t sweep_abandoned() noexcept {
  std::size_t removed = 0;
  try {
    std::vector<ArenaId> leases;
    each_name([&](int, const char*, const Name& name, const struct stat&) {
      if (!name.number) leases.push_back(name.arena);
    });
    for (const ArenaId& arena : leases) {
      const auto lease = Lease::take(arena);
      if (lease) removed += unlink_segments(arena, {}) + 1;
    }
  } catch (...) {  // no memory: what is left waits for the next sweep
  }
  return removed;
}

void unlink_arena(const ArenaId& arena) noexcept {
  unlink_segments_except(arena, {});
  try {
    ::unlink(lease_path(arena).c_str());
  } catch (...) {
  }
}

void unlink_segments_except(const ArenaId& arena, const std::unordered_set<std::uint32_t>& keep) noexcept {
  try {
    unlink_segments(arena, keep);
  } catch (...) {
  }
}

std::vector<ArenaListing> list_arenas() {
  std::unordered_map<ArenaId, ArenaListing> found;
  each_name([&](int directory, const char* text, const Name& name, const struct stat& facts) {
    ArenaListing& listing = found[name.arena];
    listing.arena = name.arena;
    if (name.number) {
      ++listing.segments;
      listing.bytes += static_cast<std::uint64_t>(facts.st_blocks) * 512;
      return;
    }
    listing.leased = true;
    const int descriptor = ::openat(directory, text, open_flags);
    if (descriptor < 0) return;
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    listing.held = ::fcntl(descriptor, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    ::close(descriptor);
  });
  std::vector<ArenaListing> listings;
  listings.reserve(found.size());
  for (const auto& [arena, listing] : found) listings.push_back(listing);
  return listings;
}

}  // namespace py4cpp
