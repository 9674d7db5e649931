// Does the hot path of a scalar call allocate memory in the host? malloc and its like are counted, in every thread;
// that includes operator new. A warm-up call comes first: the path may allocate what it then keeps.
#include "setup.hpp"

#include <atomic>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
}

namespace py4cpp::bench {
namespace {
std::atomic<std::uint64_t> allocations{0};
}
}  // namespace py4cpp::bench

// In place of the C library's, for this program and the libraries that it loads.
extern "C" {
void* malloc(std::size_t size) {
  py4cpp::bench::allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  py4cpp::bench::allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  py4cpp::bench::allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, size);
}
}

namespace py4cpp::bench {
namespace {

using namespace py4cpp::literals;

constexpr int round = 1000;

template <class Operation>
void allocated_by(benchmark::State& state, Operation operation) {
  Python& python = worker(Wait::spinning);
  const auto function = python.eval<Object>("lambda x: 2 * x");
  for (int i = 0; i < round; ++i) operation(python, function);
  std::uint64_t counted = 0;
  for (auto _ : state) {
    const std::uint64_t before = allocations;
    for (int i = 0; i < round; ++i) operation(python, function);
    counted += allocations - before;
  }
  state.counters["allocations_per_call"] =
      static_cast<double>(counted) / static_cast<double>(state.iterations()) / round;
  state.SetItemsProcessed(state.iterations() * round);
}

void nothing(Python&, const Object&) {}
void one_vector(Python&, const Object&) { benchmark::DoNotOptimize(std::vector<int>(4).data()); }
void call_int(Python& python, const Object&) { benchmark::DoNotOptimize(python.call<long>("int", "5")); }
void call_object(Python&, const Object& function) { benchmark::DoNotOptimize(function.call<double>(2.5)); }
void eval_named(Python& python, const Object&) {
  benchmark::DoNotOptimize(python.eval<double>("a * x", "a"_a = 2.0, "x"_a = 3.0));
}

// The first two show that the counter counts.
BENCHMARK_CAPTURE(allocated_by, nothing, nothing)->Iterations(5);
BENCHMARK_CAPTURE(allocated_by, one_vector, one_vector)->Iterations(5);
BENCHMARK_CAPTURE(allocated_by, call_int, call_int)->Iterations(5)->UseRealTime();
BENCHMARK_CAPTURE(allocated_by, call_object, call_object)->Iterations(5)->UseRealTime();
BENCHMARK_CAPTURE(allocated_by, eval_named, eval_named)->Iterations(5)->UseRealTime();

}  // namespace
}  // namespace py4cpp::bench
