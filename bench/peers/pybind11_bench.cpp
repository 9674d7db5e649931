// pybind11 with an embedded interpreter: what the same calls cost when Python runs in the program's own process.
#include <benchmark/benchmark.h>
#include <pybind11/embed.h>

namespace {

namespace py = pybind11;

void call(benchmark::State& state) {
  const py::object function = py::eval("int");
  for (auto _ : state) benchmark::DoNotOptimize(function("5").cast<long>());
  state.SetItemsProcessed(state.iterations());
}

void eval(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(py::eval("int('5')").cast<long>());
  state.SetItemsProcessed(state.iterations());
}

void callback(benchmark::State& state) {
  constexpr int round = 1000;
  const py::object loop = py::eval("lambda f, n: [f(i) for i in range(n)] and None");
  const py::cpp_function twice([](int i) { return 2 * i; });
  for (auto _ : state) loop(twice, round);
  state.SetItemsProcessed(state.iterations() * round);
}

BENCHMARK(call);
BENCHMARK(eval);
BENCHMARK(callback);

}  // namespace

int main(int count, char** arguments) {
  const py::scoped_interpreter interpreter;
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
}
