// How long does a call take while a Python thread computes in the worker? It has to get the GIL from that thread first.
#include "latency.hpp"
#include "setup.hpp"

namespace py4cpp::bench {
namespace {

void call(benchmark::State& state, Python& python) {
  python.call<long>("int", "5");
  Latency latency(state);
  for (auto _ : state) latency.time([&] { benchmark::DoNotOptimize(python.call<long>("int", "5")); });
}

void idle_worker(benchmark::State& state) { call(state, worker(Wait::spinning)); }

void busy_worker(benchmark::State& state) {
  static Python python(config(Wait::spinning));
  python.exec(R"(
import threading

def compute():
    while computing:
        sum(range(100))

computing = True
thread = threading.Thread(target=compute)
thread.start()
)");
  call(state, python);
  python.exec("computing = False; thread.join()");
}

BENCHMARK(idle_worker)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(busy_worker)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace py4cpp::bench
