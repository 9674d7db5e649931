#include "spawn.hpp"

#include <py4cpp/error.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

namespace py4cpp {
namespace {

std::string text_of(int error) { return std::generic_category().message(error); }

[[noreturn]] void throw_invalid(const std::string& what) {
  throw Error(ErrorKind::invalid, "a Python process cannot be started: " + what);
}

struct Pipe {
  Descriptor read, write;
};

struct Pipes {
  Pipe to_child, from_child, error_text, output;  // output: only where stdout is captured
};

// Close-on-exec from the start, so a child that another thread spawns meanwhile does not get it.
Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_exhausted(errno);
  Descriptor read(ends[0]);
  Descriptor write(ends[1]);
  return {moved_up(std::move(read)), moved_up(std::move(write))};
}

Pipes make_pipes(bool capture_stdout) {
  Pipes pipes{make_pipe(), make_pipe(), make_pipe(), capture_stdout ? make_pipe() : Pipe{}};
  // Our ends alone: the child's are other open file descriptions and stay blocking.
  for (const Descriptor* ours :
       {&pipes.to_child.write, &pipes.from_child.read, &pipes.error_text.read, &pipes.output.read}) {
    if (ours->get() >= 0) ::fcntl(ours->get(), F_SETFL, ::fcntl(ours->get(), F_GETFL) | O_NONBLOCK);
  }
  return pipes;
}

void check(int error) {
  if (error != 0) throw_exhausted(error);
}

class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_)); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  // dup2 onto itself clears close-on-exec.
  void duplicate(int from, int to) { check(::posix_spawn_file_actions_adddup2(&actions_, from, to)); }
  void open(int number, const char* path, int flags) {
    check(::posix_spawn_file_actions_addopen(&actions_, number, path, flags, 0));
  }
  void close_from(int number) { check(::posix_spawn_file_actions_addclosefrom_np(&actions_, number)); }
  void change_directory(const char* path) { check(::posix_spawn_file_actions_addchdir_np(&actions_, path)); }
  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

// What the child has open, and where it is.
void set_up(FileActions& actions, const Pipes& pipes, const SpawnOptions& options) {
  actions.open(0, "/dev/null", O_RDONLY);
  if (options.capture_stdout) {
    actions.duplicate(pipes.output.write.get(), 1);
  } else if (::fcntl(1, F_GETFD) >= 0) {
    actions.duplicate(1, 1);
  } else {
    actions.open(1, "/dev/null", O_WRONLY);  // or the first file that the child opens would be its stdout
  }
  actions.duplicate(pipes.error_text.write.get(), 2);
  actions.duplicate(pipes.to_child.read.get(), 3);
  actions.duplicate(pipes.from_child.write.get(), 4);
  actions.close_from(5);
  if (!options.working_directory.empty()) actions.change_directory(options.working_directory.c_str());
}

// A session of its own, so that Ctrl-C at our terminal is not the child's; no signal blocked or ignored, whatever ours
// are.
class Attributes {
 public:
  Attributes() {
    check(::posix_spawnattr_init(&attributes_));
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    constexpr int flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// Strings as exec wants them.
class StringList {
 public:
  void add(std::string text, std::string_view what) {
    if (text.find('\0') != std::string::npos) throw_invalid(std::string(what) + " contains a NUL character");
    texts_.push_back(std::move(text));
  }
  // Valid until the next add().
  char* const* pointers() {
    pointers_.clear();
    for (std::string& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
    return pointers_.data();
  }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

StringList arguments_of(const SpawnOptions& options) {
  StringList list;
  list.add(options.interpreter.string(), "the interpreter's path");
  for (const std::string& argument : options.arguments) list.add(argument, "an argument");
  return list;
}

StringList environment_of(const SpawnOptions& options) {
  StringList list;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    if (!options.environment.contains(name)) list.add(std::string(text), name);
  }
  for (const auto& [name, value] : options.environment) {
    if (name.empty() || name.find('=') != std::string::npos) {
      throw_invalid("\"" + name + "\" cannot be the name of an environment variable");
    }
    list.add(name + "=" + value, "an environment variable");
  }
  return list;
}

// Empty if a process can work there, else why not.
std::string directory_obstacle(const std::filesystem::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return text_of(errno);
  if (!S_ISDIR(status.st_mode)) return text_of(ENOTDIR);
  if (::faccessat(AT_FDCWD, directory.c_str(), X_OK, AT_EACCESS) != 0) return text_of(errno);
  return {};
}

// posix_spawn tells an errno, not the step that failed: looking again finds out.
[[noreturn]] void throw_spawn_error(const SpawnOptions& options, int error) {
  if (error == EAGAIN || error == EMFILE || error == ENFILE || error == ENOMEM) throw_exhausted(error);
  if (!options.working_directory.empty()) {
    if (const std::string why = directory_obstacle(options.working_directory); !why.empty()) {
      throw_invalid("the working directory \"" + options.working_directory.string() + "\": " + why);
    }
  }
  const std::string who = "\"" + options.interpreter.string() + "\": ";
  struct stat status {};
  switch (error) {
    case ENOEXEC:
      throw_invalid(who + "not a program (neither a binary for this machine nor a script with #!)");
    case E2BIG:
      throw_invalid(who + "its arguments and environment are too large");
    case EACCES:
      if (::stat(options.interpreter.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
      throw_invalid(who + text_of(error));
    case ENOENT:
      if (::stat(options.interpreter.c_str(), &status) == 0) {
        throw_invalid(who + "the program that runs it (its #! line or its loader) does not exist");
      }
      [[fallthrough]];
    default:
      throw_invalid(who + text_of(error));
  }
}

}  // namespace

void throw_exhausted(int error) {
  throw Error(ErrorKind::exhausted, "a Python process cannot be started: " + text_of(error));
}

Descriptor moved_up(Descriptor low) {
  for (const int lowest : {64, 10}) {
    const int high = ::fcntl(low.get(), F_DUPFD_CLOEXEC, lowest);
    if (high >= 0) return Descriptor(high);
  }
  throw_exhausted(errno == EINVAL ? EMFILE : errno);  // EINVAL: RLIMIT_NOFILE is below
}

SpawnedChild spawn_child(const SpawnOptions& options) {
  StringList arguments = arguments_of(options);
  StringList environment = environment_of(options);
  Pipes pipes = make_pipes(options.capture_stdout);
  FileActions actions;
  set_up(actions, pipes, options);
  const Attributes attributes;
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, options.interpreter.c_str(), actions.get(), attributes.get(),
                                  arguments.pointers(), environment.pointers());
  if (error != 0) throw_spawn_error(options, error);
  return {pid,
          std::move(pipes.to_child.write),
          std::move(pipes.from_child.read),
          std::move(pipes.error_text.read),
          std::move(pipes.output.read),
          std::move(pipes.to_child.read)};
}

}  // namespace py4cpp
