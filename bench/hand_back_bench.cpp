// What does it cost to hand an array that numpy made to C++, by its size? And a numpy expression in a worker, whose
// temporaries are shared memory?
#include <py4cpp/py4cpp.hpp>

#include <benchmark/benchmark.h>

using namespace py4cpp::literals;

namespace {

py4cpp::Python& python() {
  static py4cpp::Python py;
  static const bool ready = (py.exec("import numpy as np"), true);
  static_cast<void>(ready);
  return py;
}

// The array is the same each time: what is measured is the call and the descriptor.
void hand_back(benchmark::State& state) {
  py4cpp::Python& py = python();
  py.exec("x = np.ones(n // 8)", "n"_a = state.range(0));
  for (auto _ : state) {
    const auto x = py.eval<py4cpp::Array<double>>("x");
    if (!x.shared()) state.SkipWithError("copied");
    benchmark::DoNotOptimize(x.size());
  }
  py.exec("del x");
}

// Made, handed over and dropped each time: its pages are recycled.
void make_and_hand_back(benchmark::State& state) {
  py4cpp::Python& py = python();
  for (auto _ : state) {
    const auto x = py.eval<py4cpp::Array<double>>("np.empty(n // 8)", "n"_a = state.range(0));
    if (!x.shared()) state.SkipWithError("copied");
    benchmark::DoNotOptimize(x.size());
  }
}

void expression(benchmark::State& state) {
  py4cpp::Python& py = python();
  py.exec("a, b = np.random.rand(n // 8), np.ones(n // 8)", "n"_a = state.range(0));
  for (auto _ : state) py.exec("c = a * 2 + b");
  py.exec("del a, b, c");
}

BENCHMARK(hand_back)->RangeMultiplier(16)->Range(64 << 10, 1 << 30)->UseRealTime();
BENCHMARK(make_and_hand_back)->RangeMultiplier(16)->Range(64 << 10, 256 << 20)->UseRealTime();
BENCHMARK(expression)->Arg(80'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
