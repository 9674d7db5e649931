#include "config_file.hpp"

#include <py4cpp/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace py4cpp {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, const char* what, int error) {
  throw ConfigError(file.string() + ": " + what + ": " + std::generic_category().message(error));
}

class File {
 public:
  explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

// A file of a name nobody else has, beside the one to replace; removed unless it took that one's place.
class Draft {
 public:
  explicit Draft(const fs::path& target) : target_(target), file_(create()) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(file_.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(target_, "cannot be written", errno);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void set_mode(mode_t mode) {
    if (::fchmod(file_.get(), mode) != 0) fail(target_, "cannot be given its permissions", errno);
  }

  void take_place() {
    if (::fsync(file_.get()) != 0) fail(target_, "cannot be written", errno);
    if (::rename(name_.c_str(), target_.c_str()) != 0) fail(target_, "cannot be replaced", errno);
    name_.clear();
    // The new name lasts once its directory is written, too; where that cannot be asked for, the file is still whole.
    const File directory(::open(target_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() >= 0) ::fsync(directory.get());
  }

 private:
  int create() {
    static std::atomic<unsigned> serial{0};
    for (;;) {
      name_ = target_;
      name_ += "." + std::to_string(::getpid()) + "." + std::to_string(serial++) + ".tmp";
      // The umask applies to 0644 as to any new file.
      const int descriptor = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
      if (descriptor >= 0) return descriptor;
      if (errno == EEXIST || errno == EINTR) continue;
      const int error = errno;
      name_.clear();  // not ours to remove
      fail(target_, "cannot be written", error);
    }
  }

  fs::path target_;
  fs::path name_;
  File file_;
};

}  // namespace

std::optional<std::string> read_config_file(const fs::path& file) {
  constexpr std::size_t largest = std::size_t{1} << 20;
  // Non-blocking: opening a FIFO that nobody writes must not hang.
  const File in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (in.get() < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (in.get() < 0) fail(file, "cannot be opened", errno);
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::read(in.get(), buffer.data(), buffer.size());
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(file, "cannot be read", errno);
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > largest) throw ConfigError(file.string() + ": larger than 1 MiB, which no configuration is");
  }
}

void replace_config_file(const fs::path& file, std::string_view text) {
  std::error_code error;
  fs::path target = fs::absolute(file, error);
  if (error) fail(file, "has no absolute path", error.value());
  fs::create_directories(target.parent_path(), error);
  if (error) fail(target.parent_path(), "cannot be made", error.value());
  if (fs::path real = fs::canonical(target, error); !error) target = std::move(real);

  struct stat old {};
  const bool existed = ::stat(target.c_str(), &old) == 0;
  if (existed && !S_ISREG(old.st_mode))
    throw ConfigError(target.string() + ": not a regular file, so it is not replaced");
  Draft draft(target);
  if (existed) draft.set_mode(old.st_mode & 0777U);
  draft.write(text);
  draft.take_place();
}

}  // namespace py4cpp
