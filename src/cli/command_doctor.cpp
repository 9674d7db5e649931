// py4cpp doctor and py4cpp segments.
#include "commands.hpp"

#include "interpreter.hpp"
#include "lease.hpp"
#include "package_dir.hpp"
#include "quantity.hpp"

#include <py4cpp/py4cpp.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <iomanip>
#include <iostream>

#include <sys/statvfs.h>
#include <unistd.h>

namespace py4cpp::cli {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t little_shared_memory = 512 * mebibyte;  // Docker gives 64 MiB

std::string size_text(std::uint64_t bytes) { return std::to_string(bytes / mebibyte) + " MiB"; }

// A report, one line a check.
class Report {
 public:
  void good(const std::string& what, const std::string& found) { line("ok", what, found); }
  void remark(const std::string& what, const std::string& found) { line("note", what, found); }
  void bad(const std::string& what, const std::string& found) {
    line("FAIL", what, found);
    healthy_ = false;
  }
  // Whether the check, which returns what it found, threw nothing.
  bool check(const std::string& what, const std::string& mend, const std::function<std::string()>& look) {
    try {
      good(what, look());
      return true;
    } catch (const std::exception& error) {
      bad(what, error.what() + (mend.empty() ? "" : "\n       " + mend));
      return false;
    }
  }
  bool healthy() const noexcept { return healthy_; }

 private:
  static void line(const char* state, const std::string& what, const std::string& found) {
    std::cout << std::left << std::setw(5) << state << what << ": " << found << "\n";
  }

  bool healthy_ = true;
};

void check_shared_memory(Report& report) {
  struct statvfs file_system {};
  if (statvfs("/dev/shm", &file_system) != 0) {
    return report.bad("/dev/shm", std::string(std::strerror(errno)) + "\n       mount -t tmpfs tmpfs /dev/shm");
  }
  if (access("/dev/shm", R_OK | W_OK | X_OK) != 0) {
    return report.bad("/dev/shm", "this user may not create files in it\n       chmod 1777 /dev/shm, as root");
  }
  const std::uint64_t size = std::uint64_t{file_system.f_blocks} * file_system.f_frsize;
  const std::uint64_t free = std::uint64_t{file_system.f_bavail} * file_system.f_frsize;
  const std::string found = size_text(free) + " free of " + size_text(size);
  if (size >= little_shared_memory) return report.good("/dev/shm", found);
  report.remark("/dev/shm",
                found + ", which is little\n       docker run --shm-size=4g, or mount -o remount,size=4g /dev/shm");
}

void check_leftovers(Report& report) {
  const auto arenas = list_arenas();
  const auto abandoned = std::count_if(arenas.begin(), arenas.end(), [](const auto& a) { return a.leased && !a.held; });
  if (abandoned == 0) return report.good("leftovers", "none");
  report.remark("leftovers",
                std::to_string(abandoned) + " dead processes left shared memory\n       py4cpp segments --clean");
}

void check_worker(Report& report, const Config& config) {
  std::optional<Python> py;
  const auto start = [&] {
    py.emplace(config);
    const VersionInfo v = py->version_info();
    return "Python " + std::to_string(v.major) + "." + std::to_string(v.minor) + "." + std::to_string(v.micro) +
           " starts and answers";
  };
  if (!report.check("worker", "", start)) return;
  try {
    report.good("numpy", py->eval<std::string>("__import__('numpy').__version__"));
  } catch (const errors::ImportError& error) {
    return report.remark("numpy",
                         std::string(error.message()) +
                             "; everything but arrays works\n       apt install python3-numpy, or pip install numpy");
  } catch (const PythonError& error) {
    return report.bad("numpy", error.what());
  }
  report.check("arrays", "", [&] {
    const Array<double> x = py->array<double>({1024, 16});
    x.view() = 1.;
    const auto sum = py->eval<double>("(x.sum(), x.fill(2))[0]", "x"_a = x);
    if (sum != 16384 || x.view()(0, 0) != 2) throw Error(ErrorKind::bug, "C++ and Python see different memory");
    return std::string("shared in both directions");
  });
}

}  // namespace

int doctor() {
  Report report;
  Config config;
  report.check("configuration", "", [&] {
    config = Config::load();
    return Config::path().string();
  });
  const bool found = report.check("interpreter", "py4cpp config python /path/to/python3",
                                  [&] { return find_interpreter(config.python).string(); });
  const bool installed = report.check("package", "install py4cpp again", [] { return package_dir().string(); });
  check_shared_memory(report);
  check_leftovers(report);
  if (found && installed) check_worker(report, config);
  return report.healthy() ? 0 : 1;
}

int segments(bool clean) {
  if (clean) {
    const std::size_t removed = sweep_abandoned();
    std::cout << removed << (removed == 1 ? " name" : " names") << " removed\n";
  }
  const auto arenas = list_arenas();
  if (arenas.empty()) {
    std::cout << "no shared memory of py4cpp\n";
    return 0;
  }
  std::cout << "    pid  segments        MiB  state\n";
  for (const ArenaListing& listing : arenas) {
    const char* state = !listing.leased ? "unknown: no lease" : listing.held ? "in use" : "left by a dead process";
    std::cout << std::right << std::setw(7) << listing.arena.pid << std::setw(10) << listing.segments << std::setw(11)
              << std::fixed << std::setprecision(1) << static_cast<double>(listing.bytes) / mebibyte << "  " << state
              << "\n";
  }
  return 0;
}

}  // namespace py4cpp::cli
