// How many C++ functions can Python call in a second, beside a bare pipe? One item is one callback, a round trip.
#include "latency.hpp"
#include "peers/raw_pipe.hpp"
#include "setup.hpp"

namespace py4cpp::bench {
namespace {

constexpr int round = 1000;

void callback(benchmark::State& state, Wait wait) {
  Python& python = worker(wait);
  const auto loop = python.eval<Object>("lambda f, n: [f(i) for i in range(n)] and None");
  for (auto _ : state) loop([](int i) { return 2 * i; }, round);
  state.SetItemsProcessed(state.iterations() * round);
}

void raw_pipe(benchmark::State& state, Wait wait) {
  RawPipe pipe(config(wait).spin);
  for (auto _ : state) {
    for (int i = 0; i < round; ++i) pipe.ping();
  }
  state.SetItemsProcessed(state.iterations() * round);
}

BENCHMARK_CAPTURE(callback, spinning, Wait::spinning)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(raw_pipe, spinning, Wait::spinning)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(callback, blocking, Wait::blocking)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(raw_pipe, blocking, Wait::blocking)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace py4cpp::bench
