// Does numpy run as fast in a worker, where its arrays are born in shared memory, as in a plain Python process? The
// same code in both, by the size of the operands; the result is read once. Times are taken in Python, around the
// expression. The two take turns of a millisecond on the same processor, since of a virtual machine one is at times
// half as fast as the other, for seconds; and each repetition has a new pair of processes, since where a process
// happens to have its memory makes some percent, and another processor.
#include "latency.hpp"
#include "plain_python.hpp"
#include "setup.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <sched.h>

namespace py4cpp::bench {
namespace {

// malloc gives the top of its heap back to the system, and gets it again with the next array, until it has seen a
// larger one go: so one of 8 MiB does first, in both.
constexpr auto code = R"(
import time
import numpy as np
operands = {}

def seconds(size, times):
    n = size // 8
    if size not in operands:
        operands[size] = np.random.rand(n), np.ones(n)
    a, b = operands[size]
    start = time.perf_counter()
    for _ in range(times):
        c = a * 2 + b
        c.sum()
    return (time.perf_counter() - start) / times

def answer(line):
    return seconds(*map(int, line.split()))

seconds(8 << 20, 3)
)";

int times(std::int64_t bytes) { return static_cast<int>(std::clamp<std::int64_t>((8 << 20) / bytes, 1, 250)); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// While it lives, this thread, and the processes that it starts, have one processor: each time the next one.
class OneProcessor {
 public:
  OneProcessor() noexcept {
    static int next = 0;
    if (sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    do {
      next = (next + 1) % CPU_SETSIZE;
    } while (!CPU_ISSET(next, &before_));
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(next, &one);
    pinned_ = sched_setaffinity(0, sizeof one, &one) == 0;
  }
  ~OneProcessor() {
    if (pinned_) sched_setaffinity(0, sizeof before_, &before_);
  }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

void by_turns(benchmark::State& state) {
  if (!numpy_worker(state) || !has_room(state, 5 * static_cast<std::uint64_t>(state.range(0)))) return;
  const OneProcessor same;
  Python python(config(Wait::spinning));
  python.exec(code);
  PlainPython plain(python.eval<std::string>("__import__('sys').executable"), code);
  const auto inside = [&](int count) { return python.call<double>("seconds", state.range(0), count); };
  const auto outside = [&](int count) {
    return std::stod(plain.ask(std::to_string(state.range(0)) + " " + std::to_string(count)));
  };
  const int count = times(state.range(0));
  inside(count);
  outside(count);
  std::vector<double> taken_inside;
  std::vector<double> taken_outside;
  Latency latency(state);
  for (auto _ : state) {
    const bool first = taken_inside.size() % 2 == 0;
    if (first) taken_inside.push_back(inside(count));
    taken_outside.push_back(outside(count));
    if (!first) taken_inside.push_back(inside(count));
    latency.add_alone(std::chrono::duration<double>(taken_inside.back()));
  }
  state.counters["outside_us"] = median(taken_outside) * 1e6;
  state.counters["outside_over_inside"] = median(taken_outside) / median(taken_inside);
}

void turns(benchmark::internal::Benchmark* benchmark, int count) {
  benchmark->UseManualTime()->Iterations(count)->Unit(benchmark::kMicrosecond);
}
void sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int bytes : {8 << 10, 64 << 10, 1 << 20, 8 << 20}) benchmark->Arg(bytes);
  turns(benchmark, 100);
}
void large(benchmark::internal::Benchmark* benchmark) { turns(benchmark->Arg(80'000'000), 12); }
BENCHMARK(by_turns)->Apply(sizes);
BENCHMARK(by_turns)->Apply(large);

}  // namespace
}  // namespace py4cpp::bench
