#include "leak_oracle.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

namespace py4cpp::test {

namespace {

constexpr std::string_view name_prefix = "py4cpp.";
const std::string shm_dir = "/dev/shm/";

std::vector<std::function<void()>>& actions() {
  static std::vector<std::function<void()>> list;
  return list;
}

template <class Visit>  // visit(name, descriptor of the directory)
void for_each_entry(const std::string& directory, Visit visit) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) return;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') visit(std::string(entry->d_name), dirfd(dir));
  }
  closedir(dir);
}

std::string first_line(const std::string& file) {
  std::string line;
  std::getline(std::ifstream(file), line);
  return line;
}

std::string link_target(int directory, const std::string& name) {
  std::array<char, 4096> target{};
  const ssize_t length = readlinkat(directory, name.c_str(), target.data(), target.size());
  return length < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(length));
}

std::optional<pid_t> parse_pid(std::string_view text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid <= 0) return std::nullopt;
  return pid;
}

// The parent of a process, 0 for one that is gone. The name in /proc/PID/stat may contain anything, so read behind it.
pid_t parent_of(pid_t pid) {
  const std::string stat = first_line("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(stat.substr(name_end + 1));
  std::string state;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

bool is_this_or_descendant(pid_t pid) {
  while (pid > 1 && pid != getpid()) pid = parent_of(pid);
  return pid == getpid();
}

bool lease_is_held(const std::string& lease) {
  const int descriptor = open((shm_dir + lease).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close(descriptor);
  return held;
}

// Whether a name py4cpp.<pid>.<arena>.<rest> is certainly another process's business.
bool belongs_to_another(const std::string& name, const std::set<std::string>& descriptors) {
  const std::size_t pid_end = name.find('.', name_prefix.size());
  if (pid_end == std::string::npos) return false;
  const auto pid = parse_pid(std::string_view(name).substr(name_prefix.size(), pid_end - name_prefix.size()));
  if (!pid) return false;
  if (access(("/proc/" + std::to_string(*pid)).c_str(), F_OK) == 0) return !is_this_or_descendant(*pid);
  const std::string lease = name.substr(0, name.find('.', pid_end + 1)) + ".lease";
  for (const std::string& descriptor : descriptors) {
    if (descriptor.ends_with(shm_dir + lease)) return false;  // this process adopted it
  }
  return lease_is_held(lease);
}

std::set<std::string> open_descriptors() {
  std::set<std::string> found;
  for_each_entry("/proc/self/fd", [&](const std::string& number, int directory) {
    if (number != std::to_string(directory)) found.insert(number + " -> " + link_target(directory, number));
  });
  return found;
}

std::set<std::string> child_processes() {
  std::set<std::string> found;
  for_each_entry("/proc", [&](const std::string& name, int) {
    const auto pid = parse_pid(name);
    if (pid && parent_of(*pid) == getpid()) found.insert(name + " (" + first_line("/proc/" + name + "/comm") + ")");
  });
  return found;
}

std::set<std::string> live_threads() {
  std::set<std::string> found;
  for_each_entry("/proc/self/task", [&](const std::string& tid, int) {
    found.insert(tid + " (" + first_line("/proc/self/task/" + tid + "/comm") + ")");
  });
  return found;
}

// Bytes mapped of each segment: the kernel joins and splits the areas of one mapping as it likes.
std::set<std::string> mapped_segments() {
  std::map<std::string, std::size_t> bytes;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find(shm_dir + std::string(name_prefix));
    if (path == std::string::npos) continue;
    std::size_t first = 0, past = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> first >> dash >> past;
    const std::string name = line.substr(path + shm_dir.size());
    bytes[name.substr(0, name.find(' '))] += past - first;  // without " (deleted)"
  }
  std::set<std::string> found;
  for (const auto& [name, size] : bytes) found.insert(name + " (" + std::to_string(size) + " bytes)");
  return found;
}

void add_difference(std::vector<std::string>& sentences, std::string_view what, const std::set<std::string>& from,
                    const std::set<std::string>& to) {
  for (const std::string& thing : to) {
    if (!from.contains(thing)) sentences.push_back(std::string(what) + " " + thing);
  }
}

void run_actions() {
  for (const auto& action : actions()) action();
}

Holdings look() {
  run_actions();
  return Holdings::now();
}

void expect_nothing_left(const Holdings& before, const std::string& by) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  std::vector<std::string> changes = look().changes_since(before);
  while (!changes.empty() && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    changes = look().changes_since(before);
  }
  if (changes.empty()) return;
  std::string message = by + " left the process other than it found it:";
  for (const std::string& change : changes) message += "\n  " + change;
  ADD_FAILURE() << message;
}

}  // namespace

Holdings Holdings::now() {
  Holdings held;
  held.descriptors = open_descriptors();
  held.children = child_processes();
  held.threads = live_threads();
  held.mappings = mapped_segments();
  for_each_entry(shm_dir, [&](const std::string& name, int) {
    if (name.starts_with(name_prefix) && !belongs_to_another(name, held.descriptors)) held.names.insert(name);
  });
  return held;
}

std::vector<std::string> Holdings::changes_since(const Holdings& before) const {
  std::vector<std::string> sentences;
  add_difference(sentences, "left a name in /dev/shm:", before.names, names);
  add_difference(sentences, "left a descriptor open:", before.descriptors, descriptors);
  add_difference(sentences, "closed a descriptor it had not opened:", descriptors, before.descriptors);
  add_difference(sentences, "left a child process:", before.children, children);
  add_difference(sentences, "left a thread:", before.threads, threads);
  add_difference(sentences, "left a segment mapped:", before.mappings, mappings);
  return sentences;
}

void LeakOracle::before_comparing(std::function<void()> action) { actions().push_back(std::move(action)); }

void LeakOracle::OnTestSuiteStart(const ::testing::TestSuite&) { before_suite_ = look(); }

void LeakOracle::OnTestStart(const ::testing::TestInfo&) { before_test_ = look(); }

void LeakOracle::OnTestEnd(const ::testing::TestInfo& test) {
  expect_nothing_left(before_test_, std::string(test.test_suite_name()) + "." + test.name());
}

void LeakOracle::OnTestSuiteEnd(const ::testing::TestSuite& suite) {
  expect_nothing_left(before_suite_, std::string("the suite ") + suite.name());
}

}  // namespace py4cpp::test
