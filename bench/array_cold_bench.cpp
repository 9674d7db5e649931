// What does an array cost the first time? To hand it over; for the other side to touch its pages; to copy it in, beside
// what a program can do by itself: reserve shared memory, populate it, copy. Nothing is kept warm here (cache_limit 0).
#include "latency.hpp"
#include "setup.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace py4cpp::bench {
namespace {

// Returns the worker, or null if the benchmark can't be run with `bytes`.
Python* cold_worker(benchmark::State& state, std::uint64_t bytes) {
  static Python python = [] {
    Config cold = config(Wait::spinning);
    cold.cache_limit = 0;
    return Python(cold);
  }();
  try {
    python.exec("import numpy as np");
  } catch (const errors::ImportError&) {
    state.SkipWithError("this interpreter has no numpy: set PY4CPP_PYTHON to one that has");
    return nullptr;
  }
  return has_room(state, bytes) ? &python : nullptr;
}

// What Python released comes with its next answer, and frees the memory then: not within what is timed.
void settle(Python& python) {
  for (int i = 0; i < 2; ++i) python.call<void>("int");
}

void first_hand_over(benchmark::State& state) {
  Python* const python = cold_worker(state, static_cast<std::uint64_t>(state.range(0)));
  if (!python) return;
  const auto function = python->eval<Object>("lambda x: None");
  Latency latency(state);
  for (auto _ : state) {
    const auto array = python->array<double>({state.range(0) / 8});
    latency.time_alone([&] { function.call<void>(array); });
  }
  settle(*python);
}

// One element of each page, in Python, of an array that C++ has filled.
void touch(benchmark::State& state, const char* expression, bool again) {
  Python* const python = cold_worker(state, static_cast<std::uint64_t>(state.range(0)));
  if (!python) return;
  python->exec("import time");
  python->exec(std::string("def touch(x):\n    start = time.perf_counter()\n    ") + expression +
               "\n    return time.perf_counter() - start");
  Latency latency(state);
  double seconds = 0;
  for (auto _ : state) {
    const auto array = python->array<double>({state.range(0) / 8});
    if (again) python->call<double>("touch", array);
    const auto taken = python->call<double>("touch", array);
    latency.add_alone(std::chrono::duration<double>(taken));
    seconds += taken;
  }
  const double pages = static_cast<double>(state.range(0)) / 4096 * static_cast<double>(state.iterations());
  state.counters["ns_per_page"] = seconds * 1e9 / pages;
  settle(*python);
}

void copy_in(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  Python* const python = cold_worker(state, 2 * bytes);
  if (!python) return;
  const auto function = python->eval<Object>("lambda x: None");
  const std::vector<double> source(bytes / 8, 1.0);
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    function.call<void>(std::span(source));
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    settle(*python);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

enum class Populate { by_mmap, by_madvise, by_copying };

void* fresh_memory(int descriptor, std::size_t bytes, Populate populate) {
  if (posix_fallocate(descriptor, 0, static_cast<off_t>(bytes)) != 0) return MAP_FAILED;
  const int flags = MAP_SHARED | (populate == Populate::by_mmap ? MAP_POPULATE : 0);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, descriptor, 0);
#ifdef MADV_POPULATE_WRITE
  if (memory != MAP_FAILED && populate == Populate::by_madvise) madvise(memory, bytes, MADV_POPULATE_WRITE);
#endif
  return memory;
}

void fallocate_populate_memcpy(benchmark::State& state, Populate populate) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  if (!has_room(state, 2 * bytes)) return;
  const std::vector<double> source(bytes / 8, 1.0);
  const std::string name = "/py4cpp-bench." + std::to_string(getpid());
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const int descriptor = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    void* const memory = fresh_memory(descriptor, bytes, populate);
    if (memory != MAP_FAILED) std::memcpy(memory, source.data(), bytes);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    shm_unlink(name.c_str());
    close(descriptor);
    if (memory == MAP_FAILED) return state.SkipWithError("no shared memory");
    munmap(memory, bytes);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// A fixed number of iterations, as filling a GiB takes long.
void cold(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(64 << 10)->Arg(1 << 20)->Arg(16 << 20)->Arg(256 << 20)->UseManualTime()->Iterations(3);
}
void copies(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1 << 20)
      ->Arg(64 << 20)
      ->Arg(800'000'000)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->Iterations(2);
}
BENCHMARK(first_hand_over)->Apply(cold);
BENCHMARK_CAPTURE(touch, read / first, "x[::512].sum()", false)->Arg(64 << 20)->UseManualTime()->Iterations(3);
BENCHMARK_CAPTURE(touch, read / again, "x[::512].sum()", true)->Arg(64 << 20)->UseManualTime()->Iterations(3);
BENCHMARK_CAPTURE(touch, write / first, "x[::512] = 1", false)->Arg(64 << 20)->UseManualTime()->Iterations(3);
BENCHMARK_CAPTURE(touch, write / again, "x[::512] = 1", true)->Arg(64 << 20)->UseManualTime()->Iterations(3);
BENCHMARK(copy_in)->Apply(copies);
BENCHMARK_CAPTURE(fallocate_populate_memcpy, mmap, Populate::by_mmap)->Apply(copies);
BENCHMARK_CAPTURE(fallocate_populate_memcpy, madvise, Populate::by_madvise)->Apply(copies);
BENCHMARK_CAPTURE(fallocate_populate_memcpy, faults, Populate::by_copying)->Apply(copies);

}  // namespace
}  // namespace py4cpp::bench
