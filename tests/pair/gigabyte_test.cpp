// Handing over a GiB takes no memory: neither private nor shared memory grows on either side.
#include "pair_fixture.hpp"

#include "affordable_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace py4cpp::test {

namespace {

constexpr std::size_t gibibyte = std::size_t{1} << 30;
constexpr std::size_t count = gibibyte / sizeof(float);
constexpr std::int64_t little = 2 << 20;

// Private memory of a process, in bytes.
std::int64_t private_memory(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return 1024 * std::stoll(line.substr(8));
  }
  throw std::runtime_error("no RssAnon of process " + std::to_string(pid));
}

// What the two have in /dev/shm; other tests may be running.
std::int64_t shared_memory(int host, int worker) {
  std::int64_t total = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    const std::string name = entry.path().filename().string();
    struct stat file {};
    const bool ours = name.starts_with("py4cpp." + std::to_string(host) + ".") ||
                      name.starts_with("py4cpp." + std::to_string(worker) + ".");
    if (ours && stat(entry.path().c_str(), &file) == 0) total += std::int64_t{512} * file.st_blocks;
  }
  return total;
}

bool has_room() {
  struct statvfs shm {};
  return statvfs("/dev/shm", &shm) == 0 && shm.f_bavail * shm.f_frsize > gibibyte + gibibyte / 2 &&
         affordable_memory() > gibibyte + gibibyte / 2;
}

}  // namespace

class Gigabyte : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_room()) GTEST_SKIP() << "needs 1.5 GiB in /dev/shm";
    auto c = config();
    c.cache_limit = 0;  // what one half needed shall not be there for the other
    py = Python(c);
    py.exec(
        "import numpy\n"
        "def look(a):\n    return float(a.max()), float(a[-1])\n"
        "def change(a):\n    a[-1] = 5\n    return a");
  }

  // By how much the memory of both has grown since the last time, in bytes.
  std::int64_t growth() {
    const std::int64_t now = private_memory(getpid()) + private_memory(py.pid()) + shared_memory(getpid(), py.pid());
    return now - std::exchange(before_, now);
  }

  Python py{config()};
  std::int64_t before_ = 0;
};

TEST_F(Gigabyte, OfCppGoesToPythonAndBack) {
  auto array = py.array<float>({count});
  std::fill_n(array.data(), count, 1.0f);
  py.call("look", py.array<float>({8}));
  growth();
  EXPECT_EQ(py.call("look", array), Value(Tuple(1.0, 1.0)));
  const auto back = py.call<Array<float>>("change", array);
  EXPECT_EQ(std::count(back.data(), back.data() + count, 1.0f), static_cast<std::ptrdiff_t>(count - 1));
  EXPECT_EQ(array.data()[count - 1], 5.0f);
  EXPECT_TRUE(back.shared());
  EXPECT_LT(growth(), little);
}

TEST_F(Gigabyte, OfNumpyComesToCppAndBack) {
  py.exec("born = numpy.ones(n, 'f4')", "n"_a = count);
  py.eval<Array<float>>("numpy.ones(100000, 'f4')");
  growth();
  const auto array = py.eval<Array<float>>("born");
  EXPECT_EQ(std::count(array.data(), array.data() + count, 1.0f), static_cast<std::ptrdiff_t>(count));
  array.data()[7] = 2;
  EXPECT_TRUE(py.eval<bool>("born[7] == 2 and a.max() == 2 and numpy.shares_memory(a, born)", "a"_a = array));
  EXPECT_LT(growth(), little);
}

}  // namespace py4cpp::test
