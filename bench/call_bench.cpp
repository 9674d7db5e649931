// How long does a call take, beside the same bytes through a bare pipe?
#include <py4cpp/py4cpp.hpp>

#include "latency.hpp"
#include "peers/raw_pipe.hpp"

namespace py4cpp::bench {
namespace {

using namespace py4cpp::literals;

Config spinning(bool on) {
  Config config;
  if (!on) config.spin = std::chrono::microseconds(0);
  return config;
}

void raw_pipe(benchmark::State& state, bool spin) {
  RawPipe pipe(spinning(spin).spin);
  Latency latency(state);
  for (auto _ : state) latency.time([&] { pipe.ping(); });
}

template <class Operation>
void calls(benchmark::State& state, bool spin, Operation operation) {
  Python py(spinning(spin));
  operation(py);
  Latency latency(state);
  for (auto _ : state) latency.time([&] { operation(py); });
}

void call_int(Python& py) { benchmark::DoNotOptimize(py.call<long>("int", "5")); }
void eval_same(Python& py) { benchmark::DoNotOptimize(py.eval<long>("int('5')")); }
void eval_named(Python& py) { benchmark::DoNotOptimize(py.eval<double>("a * x", "a"_a = 2.0, "x"_a = 3.0)); }

BENCHMARK_CAPTURE(raw_pipe, spinning, true)->UseRealTime();
BENCHMARK_CAPTURE(calls, call_int / spinning, true, call_int)->UseRealTime();
BENCHMARK_CAPTURE(calls, eval / spinning, true, eval_same)->UseRealTime();
BENCHMARK_CAPTURE(calls, eval_named / spinning, true, eval_named)->UseRealTime();
BENCHMARK_CAPTURE(raw_pipe, blocking, false)->UseRealTime();
BENCHMARK_CAPTURE(calls, call_int / blocking, false, call_int)->UseRealTime();

// `in_flight` calls are asked before the first answer is taken; one item is one call.
void pipelined(benchmark::State& state) {
  Python py{Config{}};
  const auto in_flight = static_cast<std::size_t>(state.range(0));
  std::vector<Future<long>> futures(in_flight, py.call_async<long>("int", "5"));
  for (auto _ : state) {
    for (auto& future : futures) future = py.call_async<long>("int", "5");
    for (auto& future : futures) benchmark::DoNotOptimize(future.get());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * in_flight));
}
BENCHMARK(pipelined)->Arg(1)->Arg(16)->Arg(128)->Arg(1024)->UseRealTime();

// Python calls C++ in a loop; one item is one callback.
void callback(benchmark::State& state) {
  constexpr int round = 1000;
  Python py{Config{}};
  const Object loop = py.eval<Object>("lambda f, n: [f(i) for i in range(n)] and None");
  for (auto _ : state) loop([](int i) { return 2 * i; }, round);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * round));
}
BENCHMARK(callback)->UseRealTime();

}  // namespace
}  // namespace py4cpp::bench
