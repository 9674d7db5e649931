// What does a living handle cost the host in memory, and how long does it take to release a million of them?
//
// `bytes_per_handle` is what malloc handed out for them, the Object itself included; `resident_per_handle` is what the
// process grew by. Released means that Python has let go of every object: it has answered after the last release.
#include "latency.hpp"
#include "setup.hpp"

#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <vector>

namespace py4cpp::bench {
namespace {

double allocated() {
  const auto information = mallinfo2();
  return static_cast<double>(information.uordblks + information.hblkhd);
}

double resident() {
  std::ifstream file("/proc/self/statm");
  double total = 0, pages = 0;
  file >> total >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::vector<Object> handles(Python& python, std::size_t count) {
  std::vector<Object> all;
  all.reserve(count);
  std::vector<Future<Object>> asked(1000);
  while (all.size() < count) {
    for (auto& future : asked) future = python.call_async<Object>("object");
    for (auto& future : asked) all.push_back(future.get());
  }
  return all;
}

void living_and_released(benchmark::State& state) {
  Python& python = worker(Wait::spinning);
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto blocks = python.eval<Object>("__import__('sys').getallocatedblocks");
  handles(python, 1000);
  double bytes = 0, grown = 0;
  {
    Latency latency(state);
    for (auto _ : state) {
      malloc_trim(0);
      const double allocated_before = allocated();
      const double resident_before = resident();
      std::vector<Object> all = handles(python, count);
      bytes += allocated() - allocated_before;
      grown += resident() - resident_before;
      const long living = blocks.call<long>();
      latency.time_alone([&] {
        all.clear();
        python.call<long>("int");
      });
      if (living - blocks.call<long>() < static_cast<long>(count)) state.SkipWithError("Python still has objects");
    }
  }
  const double made = static_cast<double>(count) * static_cast<double>(state.iterations());
  state.counters["bytes_per_handle"] = bytes / made;
  state.counters["resident_per_handle"] = grown / made;
}

BENCHMARK(living_and_released)
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->Iterations(1)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace py4cpp::bench
