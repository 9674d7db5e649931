// How fast do long texts and bytes travel, beside the least that it can take: one memcpy, and Python's own decoding (of
// text) or copying (of bytes), each timed where it happens?
#include "latency.hpp"
#include "setup.hpp"

#include <string>
#include <vector>

namespace py4cpp::bench {
namespace {

Python* prepared(benchmark::State& state) {
  Python& python = worker(Wait::spinning);
  if (!has_room(state, 6 * static_cast<std::uint64_t>(state.range(0)))) return nullptr;
  python.exec(R"(
import time

def seconds(operation, argument):
    start = time.perf_counter()
    operation(argument)
    return time.perf_counter() - start
)");
  return &python;
}

// The first calls find the memory that another size has left, and let go of it. A GiB may take seconds: once must do.
int warm_up(const benchmark::State& state) { return state.range(0) < 1 << 30 ? 3 : 1; }

template <class Text>
void to_python(benchmark::State& state, const Text& text) {
  Python* const python = prepared(state);
  if (!python) return;
  const auto function = python->eval<Object>("lambda x: None");
  for (int i = warm_up(state); i > 0; --i) function.call<void>(text);
  for (auto _ : state) function.call<void>(text);
  count_bytes(state);
}

template <class Text>
void from_python(benchmark::State& state, const char* expression) {
  Python* const python = prepared(state);
  if (!python) return;
  const auto function = python->eval<Object>(expression, kw("n", state.range(0)));
  for (int i = warm_up(state); i > 0; --i) benchmark::DoNotOptimize(function.call<Text>());
  for (auto _ : state) benchmark::DoNotOptimize(function.call<Text>());
  count_bytes(state);
}

void text_over(benchmark::State& state) {
  to_python(state, std::string(static_cast<std::size_t>(state.range(0)), 'x'));
}
void bytes_over(benchmark::State& state) {
  to_python(state, Bytes(static_cast<std::size_t>(state.range(0)), std::byte{'x'}));
}
void text_back(benchmark::State& state) { from_python<std::string>(state, "(lambda x: lambda: x)('x' * n)"); }
void bytes_back(benchmark::State& state) { from_python<Bytes>(state, "(lambda x: lambda: x)(b'x' * n)"); }

// In Python: `operation` on bytes of that length.
void by_python(benchmark::State& state, const char* operation, const char* argument) {
  Python* const python = prepared(state);
  if (!python) return;
  const auto run = python->eval<Object>("seconds");
  const auto function = python->eval<Object>(operation);
  const auto value = python->eval<Object>(argument, kw("n", state.range(0)));
  for (auto _ : state) state.SetIterationTime(run.call<double>(function, value));
  count_bytes(state);
}

// A std::string of that length, filled: what an answer that comes back ends in.
void fresh_string(benchmark::State& state) {
  const std::string source(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    std::string copy(source);
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1 << 20)->Arg(64 << 20)->Unit(benchmark::kMillisecond);
}
void real(benchmark::internal::Benchmark* benchmark) { benchmark->Apply(sizes)->UseRealTime(); }
void manual(benchmark::internal::Benchmark* benchmark) { benchmark->Apply(sizes)->UseManualTime(); }
// A fixed number of times, since each takes that long.
void large(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1 << 30)->Iterations(1)->Unit(benchmark::kMillisecond);
}
void real_large(benchmark::internal::Benchmark* benchmark) { benchmark->Apply(large)->UseRealTime(); }
void manual_large(benchmark::internal::Benchmark* benchmark) { benchmark->Apply(large)->UseManualTime(); }

#define TEXT_BENCHMARK(function)    \
  BENCHMARK(function)->Apply(real); \
  BENCHMARK(function)->Apply(real_large)
#define PYTHON_BENCHMARK(name, operation)                                   \
  BENCHMARK_CAPTURE(by_python, name, operation, "b'x' * n")->Apply(manual); \
  BENCHMARK_CAPTURE(by_python, name, operation, "b'x' * n")->Apply(manual_large)

TEXT_BENCHMARK(text_over);
TEXT_BENCHMARK(bytes_over);
TEXT_BENCHMARK(text_back);
TEXT_BENCHMARK(bytes_back);
TEXT_BENCHMARK(memcpy_warm);
TEXT_BENCHMARK(fresh_string);
PYTHON_BENCHMARK(decode, "lambda b: b.decode()");
PYTHON_BENCHMARK(copy_bytes, "lambda b: bytes(memoryview(b))");

}  // namespace
}  // namespace py4cpp::bench
