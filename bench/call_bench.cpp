// How long does a call take, beside the same bytes through a bare pipe whose ends wait the same way? And by what is
// passed and comes back?
#include "latency.hpp"
#include "peers/raw_pipe.hpp"
#include "setup.hpp"

#include <map>
#include <string>
#include <vector>

namespace py4cpp::bench {
namespace {

using namespace py4cpp::literals;

void raw_pipe(benchmark::State& state, Wait wait) {
  RawPipe pipe(config(wait).spin);
  Latency latency(state);
  for (auto _ : state) latency.time([&] { pipe.ping(); });
}

template <class Operation>
void calls(benchmark::State& state, Wait wait, Operation operation) {
  Python& python = worker(wait);
  operation(python);
  Latency latency(state);
  for (auto _ : state) latency.time([&] { operation(python); });
}

void call_int(Python& python) { benchmark::DoNotOptimize(python.call<long>("int", "5")); }
void eval_same(Python& python) { benchmark::DoNotOptimize(python.eval<long>("int('5')")); }
void eval_named(Python& python) { benchmark::DoNotOptimize(python.eval<double>("a * x", "a"_a = 2.0, "x"_a = 3.0)); }

BENCHMARK_CAPTURE(raw_pipe, spinning, Wait::spinning)->UseRealTime();
BENCHMARK_CAPTURE(calls, call_int / spinning, Wait::spinning, call_int)->UseRealTime();
BENCHMARK_CAPTURE(calls, eval / spinning, Wait::spinning, eval_same)->UseRealTime();
BENCHMARK_CAPTURE(calls, eval_named / spinning, Wait::spinning, eval_named)->UseRealTime();
BENCHMARK_CAPTURE(raw_pipe, blocking, Wait::blocking)->UseRealTime();
BENCHMARK_CAPTURE(calls, call_int / blocking, Wait::blocking, call_int)->UseRealTime();

// There and back: Python returns its argument.
template <class T>
void echo(benchmark::State& state, const T& argument) {
  Python& python = worker(Wait::spinning);
  const auto function = python.eval<Object>("lambda x: x");
  Latency latency(state);
  for (auto _ : state) latency.time([&] { benchmark::DoNotOptimize(function.call<T>(argument)); });
}

void object_handle(benchmark::State& state) { echo(state, worker(Wait::spinning).eval<Object>("object()")); }

void inline_array(benchmark::State& state) {
  if (!numpy_worker(state)) return;
  echo(state, xt::xtensor<double, 1>(xt::ones<double>({state.range(0) / 8})));
}

std::vector<int> numbers(int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(i);
  return all;
}

const std::map<std::string, int> short_dict{{"one", 1}, {"two", 2}, {"three", 3}, {"four", 4}};

BENCHMARK_CAPTURE(echo, integer, 5L)->UseRealTime();
BENCHMARK_CAPTURE(echo, floating, 2.5)->UseRealTime();
BENCHMARK_CAPTURE(echo, short_str, std::string("hello"))->UseRealTime();
BENCHMARK_CAPTURE(echo, list_of_10, numbers(10))->UseRealTime();
BENCHMARK_CAPTURE(echo, list_of_1000, numbers(1000))->UseRealTime();
BENCHMARK_CAPTURE(echo, dict_of_4, short_dict)->UseRealTime();
BENCHMARK(inline_array)->Arg(64)->Arg(4096)->UseRealTime();
BENCHMARK(object_handle)->UseRealTime();

}  // namespace
}  // namespace py4cpp::bench
