#include "setup.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace py4cpp::bench {

namespace {

constexpr std::uint64_t reserve = 512ull << 20;

std::uint64_t shared_memory_free() {
  struct statvfs system {};
  return statvfs("/dev/shm", &system) == 0 ? std::uint64_t{system.f_bavail} * system.f_frsize : 0;
}

std::uint64_t memory_available() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    std::uint64_t kib = 0;
    if (fields >> name >> kib && name == "MemAvailable:") return kib * 1024;
  }
  return 0;
}

}  // namespace

Config config(Wait wait) {
  Config config;
  if (wait == Wait::blocking) config.spin = std::chrono::microseconds(0);
  return config;
}

Python& worker(Wait wait) {
  static std::array<std::unique_ptr<Python>, 2> workers;
  auto& chosen = workers[static_cast<std::size_t>(wait)];
  if (!chosen) chosen = std::make_unique<Python>(config(wait));
  return *chosen;
}

Python* numpy_worker(benchmark::State& state) {
  Python& python = worker(Wait::spinning);
  try {
    python.exec("import numpy as np");
  } catch (const errors::ImportError&) {
    state.SkipWithError("this interpreter has no numpy: set PY4CPP_PYTHON to one that has");
    return nullptr;
  }
  return &python;
}

bool has_room(benchmark::State& state, std::uint64_t bytes) {
  const std::uint64_t free = std::min(shared_memory_free(), memory_available());
  if (bytes + reserve <= free) return true;
  state.SkipWithError(("needs " + size_text(bytes) + " of shared memory, and " + size_text(reserve) +
                       " to spare: " + size_text(free) + " are free")
                          .c_str());
  return false;
}

void count_bytes(benchmark::State& state) { state.SetBytesProcessed(state.iterations() * state.range(0)); }

void memcpy_warm(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  if (!has_room(state, 2 * bytes)) return;
  const std::vector<char> source(bytes, 1);
  std::vector<char> target(bytes, 2);
  for (auto _ : state) {
    std::memcpy(target.data(), source.data(), bytes);
    benchmark::DoNotOptimize(target.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return std::to_string(bytes) + " " + units[unit];
}

}  // namespace py4cpp::bench
