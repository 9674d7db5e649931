// Does numpy run as fast in a worker, where its arrays are born in shared memory, as in a plain Python process? The
// same code in both, by the size of the operands; the result is read once. Times are taken in Python, around the
// expression.
#include "latency.hpp"
#include "plain_python.hpp"
#include "setup.hpp"

#include <algorithm>
#include <string>

namespace py4cpp::bench {
namespace {

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
)";

int times(std::int64_t bytes) { return static_cast<int>(std::clamp<std::int64_t>((16 << 20) / bytes, 1, 500)); }

void inside(benchmark::State& state) {
  Python* const python = numpy_worker(state);
  if (!python || !has_room(state, 5 * static_cast<std::uint64_t>(state.range(0)))) return;
  python->exec(code);
  python->call<double>("seconds", state.range(0), 2);
  Latency latency(state);
  for (auto _ : state) {
    const auto taken = python->call<double>("seconds", state.range(0), times(state.range(0)));
    latency.add_alone(std::chrono::duration<double>(taken));
  }
}

void outside(benchmark::State& state) {
  Python* const python = numpy_worker(state);
  if (!python) return;
  static PlainPython plain(python->eval<std::string>("__import__('sys').executable"), code);
  const auto seconds = [&](int count) {
    return std::stod(plain.ask(std::to_string(state.range(0)) + " " + std::to_string(count)));
  };
  seconds(2);
  Latency latency(state);
  for (auto _ : state) latency.add_alone(std::chrono::duration<double>(seconds(times(state.range(0)))));
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int bytes : {8 << 10, 64 << 10, 1 << 20, 8 << 20, 80'000'000}) benchmark->Arg(bytes);
  benchmark->UseManualTime()->Iterations(8)->Unit(benchmark::kMicrosecond);
}
BENCHMARK(inside)->Apply(sizes);
BENCHMARK(outside)->Apply(sizes);

}  // namespace
}  // namespace py4cpp::bench
