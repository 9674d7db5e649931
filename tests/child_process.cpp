#include "child_process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>

namespace py4cpp::test {

namespace {

bool write_file(const char* path, const std::string& text) {
  const int descriptor = open(path, O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool written = write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(descriptor);
  return written;
}

}  // namespace

Talk::~Talk() {
  close(in_);
  close(out_);
}

void Talk::write_all(const void* data, std::size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(out_, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw std::runtime_error("the other process doesn't listen");
    next += written;
    size -= static_cast<std::size_t>(written);
  }
}

void Talk::read_all(void* data, std::size_t size) {
  char* next = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = read(in_, next, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error("the other process has ended");
    next += got;
    size -= static_cast<std::size_t>(got);
  }
}

ChildProcess::ChildProcess(const std::function<int(Talk&)>& body) {
  std::array<int, 2> down{};
  std::array<int, 2> up{};
  if (pipe2(down.data(), O_CLOEXEC) != 0 || pipe2(up.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::fflush(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("no process");
  if (pid_ == 0) {
    close(down[1]);
    close(up[0]);
    int code = 99;
    try {
      Talk talk(down[0], up[1]);
      code = body(talk);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
    }
    std::fflush(nullptr);
    _exit(code);
  }
  close(down[0]);
  close(up[1]);
  talk_.emplace(up[0], down[1]);
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) kill();
}

void ChildProcess::kill() {
  ::kill(pid_, SIGKILL);
  wait();
}

int ChildProcess::wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) throw std::runtime_error("the child can't be waited for");
  }
  pid_ = -1;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int in_child(const std::function<int()>& body) {
  ChildProcess child([&](Talk&) { return body(); });
  return child.wait();
}

bool private_shared_memory(std::size_t bytes) {
  const std::string user = "0 " + std::to_string(geteuid()) + " 1";
  const std::string group = "0 " + std::to_string(getegid()) + " 1";
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    write_file("/proc/self/setgroups", "deny");
    if (!write_file("/proc/self/uid_map", user) || !write_file("/proc/self/gid_map", group)) return false;
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const std::string options = "mode=1777,size=" + std::to_string(bytes);
  return mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
}

std::vector<std::string> names_with(const std::string& text) {
  std::vector<std::string> names;
  DIR* directory = opendir("/dev/shm");
  while (const dirent* entry = directory != nullptr ? readdir(directory) : nullptr) {
    const std::string name = entry->d_name;
    if (name.find(text) != std::string::npos) names.push_back(name);
  }
  if (directory != nullptr) closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

bool names_go(const std::string& text, const std::function<void()>& function) {
  for (int attempt = 0; attempt < 10000; ++attempt) {
    function();
    if (names_with(text).empty()) return true;
    usleep(1000);
  }
  return false;
}

std::vector<std::string> list_mappings(const std::string& text) {
  std::vector<std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(text) != std::string::npos) found.push_back(line);
  }
  return found;
}

}  // namespace py4cpp::test
