// How many calls a second, when others are asked before the first is answered? One item is one call.
#include "setup.hpp"

#include <cstddef>
#include <vector>

namespace py4cpp::bench {
namespace {

void in_flight(benchmark::State& state) {
  Python& python = worker(Wait::spinning);
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<Future<long>> futures(count, python.call_async<long>("int", "5"));
  for (auto _ : state) {
    for (auto& future : futures) future = python.call_async<long>("int", "5");
    for (auto& future : futures) benchmark::DoNotOptimize(future.get());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(in_flight)->Arg(1)->Arg(16)->Arg(128)->Arg(1024)->UseRealTime();

}  // namespace
}  // namespace py4cpp::bench
