#include "affordable_memory.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

namespace py4cpp {

namespace {

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

// The number behind a key in a file of lines "key number ...".
std::uint64_t number_after(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stoull(line.substr(key.size()));
  }
  return 0;
}

std::uint64_t free_on_machine() {
  const std::uint64_t available = number_after("/proc/meminfo", "MemAvailable:");
  if (available == 0) return unlimited;
  return (available + number_after("/proc/meminfo", "SwapFree:")) * 1024;
}

std::uint64_t free_in_group(const std::filesystem::path& group) {
  std::uint64_t limit = 0;
  std::uint64_t used = 0;
  if (!(std::ifstream(group / "memory.max") >> limit)) return unlimited;  // "max", or no such controller
  if (!(std::ifstream(group / "memory.current") >> used)) return unlimited;
  // The page cache is reclaimed before any process is killed.
  const std::uint64_t files = number_after(group / "memory.stat", "inactive_file ");
  used -= std::min(used, files);
  return limit - std::min(limit, used);
}

std::uint64_t free_in_groups() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::/")) continue;
    const std::filesystem::path root = "/sys/fs/cgroup";
    std::uint64_t least = unlimited;
    for (std::filesystem::path group = root / line.substr(4);; group = group.parent_path()) {
      least = std::min(least, free_in_group(group));
      if (group == root || group == group.parent_path()) return least;
    }
  }
  return unlimited;
}

}  // namespace

std::uint64_t affordable_memory() noexcept {
  try {
    const std::uint64_t available = std::min(free_on_machine(), free_in_groups());
    return available == unlimited ? unlimited : available - available / 16;
  } catch (...) {  // something unreadable in /proc, or no memory at all
    return unlimited;
  }
}

}  // namespace py4cpp
