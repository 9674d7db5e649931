// How fast is private memory copied into shared memory on its way to Python, once its blocks are warm, beside memcpy
// between two warm buffers of this process?
#include "setup.hpp"

#include <memory>
#include <span>
#include <vector>

namespace py4cpp::bench {
namespace {

template <class Source>
void copy_in(benchmark::State& state, const Source& source) {
  const auto bytes = static_cast<std::uint64_t>(state.range(0));
  Python* const python = numpy_worker(state);
  if (!python || !has_room(state, 2 * bytes)) return;
  const auto function = python->eval<Object>("lambda x: None");
  const auto argument = source(static_cast<std::size_t>(bytes / 8));
  for (int i = 0; i < 3; ++i) function.call<void>(*argument);
  for (auto _ : state) function.call<void>(*argument);
  count_bytes(state);
}

struct Span {
  std::vector<double> elements;
  std::span<const double> span{elements};
  const std::span<const double>& operator*() const { return span; }
};

void span(benchmark::State& state) {
  copy_in(state, [](std::size_t size) { return Span{std::vector<double>(size, 1.0)}; });
}

void xtensor(benchmark::State& state) {
  copy_in(state, [](std::size_t size) { return std::make_unique<xt::xtensor<double, 1>>(xt::ones<double>({size})); });
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1 << 20)->Arg(16 << 20)->Arg(800'000'000)->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(span)->Apply(sizes);
BENCHMARK(xtensor)->Apply(sizes);
BENCHMARK(memcpy_warm)->Apply(sizes);

}  // namespace
}  // namespace py4cpp::bench
