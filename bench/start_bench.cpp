// How long does it take from `Python py;` to the first answer, beside what the bare interpreter takes to start and end?
#include "latency.hpp"
#include "setup.hpp"

#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <optional>
#include <string>

extern char** environ;

namespace py4cpp::bench {
namespace {

template <class First>
void first_answer(benchmark::State& state, First first) {
  Latency latency(state);
  for (auto _ : state) {
    std::optional<Python> python;
    latency.time_alone([&] {
      python.emplace(config(Wait::spinning));
      first(*python);
    });
  }
}

void worker(benchmark::State& state) {
  first_answer(state, [](Python& python) { benchmark::DoNotOptimize(python.call<long>("int", "5")); });
}

// The first answer is about an array, for which the worker imports numpy.
void worker_with_numpy(benchmark::State& state) {
  if (!numpy_worker(state)) return;
  first_answer(state, [](Python& python) {
    const auto array = python.array<double>({8});
    benchmark::DoNotOptimize(python.call<long>("len", array));
  });
}

void bare(benchmark::State& state, const char* code) {
  if (!numpy_worker(state)) return;
  std::string path = bench::worker(Wait::spinning).eval<std::string>("__import__('sys').executable");
  const std::array<char*, 4> arguments{path.data(), const_cast<char*>("-c"), const_cast<char*>(code), nullptr};
  Latency latency(state);
  for (auto _ : state) {
    latency.time_alone([&] {
      pid_t child = 0;
      posix_spawn(&child, path.c_str(), nullptr, nullptr, arguments.data(), environ);
      waitpid(child, nullptr, 0);
    });
  }
}

void starts(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseManualTime()->Iterations(6)->Unit(benchmark::kMillisecond);
}
BENCHMARK(worker)->Apply(starts);
BENCHMARK(worker_with_numpy)->Apply(starts);
BENCHMARK_CAPTURE(bare, pass, "pass")->Apply(starts);
BENCHMARK_CAPTURE(bare, numpy, "import numpy")->Apply(starts);

}  // namespace
}  // namespace py4cpp::bench
