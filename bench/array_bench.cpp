// What does it cost to hand an array over, or back, that lies in shared memory already and was handed over before? It
// should be what a scalar costs, whatever the size. And what, to allocate one, pass it and drop it?
#include "latency.hpp"
#include "setup.hpp"

#include <algorithm>
#include <map>

namespace py4cpp::bench {
namespace {

constexpr std::int64_t largest = std::int64_t{4} << 30;

Object& ignore(Python& python) {
  static Object function = python.eval<Object>("lambda x: None");
  return function;
}

// The same arrays in every repetition: 4 GiB take seconds to fill. Empty where there is no room.
const Array<double>* host_born(benchmark::State& state, Python& python) {
  static std::map<std::int64_t, Array<double>> arrays;
  const std::int64_t bytes = state.range(0);
  const auto found = arrays.find(bytes);
  if (found != arrays.end()) return &found->second;
  if (!has_room(state, static_cast<std::uint64_t>(bytes))) return nullptr;
  return &arrays.emplace(bytes, python.array<double>({bytes / 8})).first->second;
}

bool numpy_born(benchmark::State& state, Python& python) {
  const std::int64_t bytes = state.range(0);
  python.exec("if 'born' not in globals(): born = {}");
  if (python.eval<bool>("n in born", kw("n", bytes))) return true;
  if (!has_room(state, static_cast<std::uint64_t>(bytes))) return false;
  python.exec("born[n] = np.ones(n // 8)", kw("n", bytes));
  return true;
}

void scalar_over(benchmark::State& state) {
  Python* const python = numpy_worker(state);
  if (!python) return;
  const Object& function = ignore(*python);
  Latency latency(state);
  for (auto _ : state) latency.time([&] { function.call<void>(5.0); });
}

void hand_over(benchmark::State& state) {
  Python* const python = numpy_worker(state);
  const Array<double>* const array = python ? host_born(state, *python) : nullptr;
  if (!array) return;
  const Object& function = ignore(*python);
  Latency latency(state);
  for (auto _ : state) latency.time([&] { function.call<void>(*array); });
}

void scalar_back(benchmark::State& state) {
  Python* const python = numpy_worker(state);
  if (!python) return;
  const auto function = python->eval<Object>("lambda: 5.0");
  Latency latency(state);
  for (auto _ : state) latency.time([&] { benchmark::DoNotOptimize(function.call<double>()); });
}

void hand_back(benchmark::State& state) {
  Python* const python = numpy_worker(state);
  if (!python || !numpy_born(state, *python)) return;
  const auto function = python->eval<Object>("(lambda x: lambda: x)(born[n])", kw("n", state.range(0)));
  if (!function.call<Array<double>>().shared()) return state.SkipWithError("it was copied");
  Latency latency(state);
  for (auto _ : state) latency.time([&] { benchmark::DoNotOptimize(function.call<Array<double>>().size()); });
}

// `grown`: segments at the end, less those at the start.
void allocate_pass_drop(benchmark::State& state) {
  Python* const python = numpy_worker(state);
  if (!python) return;
  const Object& function = ignore(*python);
  const auto round = [&] { function.call<void>(python->array<double>({state.range(0) / 8})); };
  for (int i = 0; i < 100; ++i) round();
  const auto before = static_cast<double>(python->stats().live_segments);
  {
    Latency latency(state);
    for (auto _ : state) latency.time(round);
  }
  state.counters["grown"] = static_cast<double>(python->stats().live_segments) - before;
}

// Likewise in Python.
void make_and_hand_back(benchmark::State& state) {
  Python* const python = numpy_worker(state);
  if (!python) return;
  const auto function = python->eval<Object>("lambda n: np.empty(n)");
  Latency latency(state);
  for (auto _ : state) {
    latency.time([&] { benchmark::DoNotOptimize(function.call<Array<double>>(state.range(0) / 8).size()); });
  }
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int bytes : {64 << 10, 1 << 20, 16 << 20, 256 << 20, 1 << 30}) benchmark->Arg(bytes);
  benchmark->Arg(largest)->UseRealTime();
}
BENCHMARK(scalar_over)->UseRealTime();
BENCHMARK(hand_over)->Apply(sizes);
BENCHMARK(scalar_back)->UseRealTime();
BENCHMARK(hand_back)->Apply(sizes);
BENCHMARK(allocate_pass_drop)->Arg(1 << 20)->UseRealTime();
BENCHMARK(make_and_hand_back)->Arg(1 << 20)->UseRealTime();

}  // namespace
}  // namespace py4cpp::bench
