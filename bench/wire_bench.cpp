// What do building, verifying and reading a message cost, each by itself, by what it carries? The library's own
// sources, in one process: no pipe, no Python. Google Benchmark's mean is what counts: an operation is too short to
// time alone.
#include "message.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace py4cpp::bench {
namespace {

using Write = void (*)(ValueWriter&);

// int("5"): the name, the argument
void scalar_call(ValueWriter& values) {
  values.string("int");
  values.string("5");
}

void list_of_thousand(ValueWriter& values) {
  values.begin(wire::Kind::list, 1000);
  for (int i = 0; i < 1000; ++i) values.integer(i);
}

void dict_of_hundred(ValueWriter& values) {
  values.begin(wire::Kind::dict, 100);
  for (int i = 0; i < 100; ++i) {
    values.string("key " + std::to_string(i));
    values.floating(i);
  }
}

void array_of_4_kib(ValueWriter& values) {
  std::byte* const elements = values.inline_array(Layout::row_major(float64, {512}), true);
  std::fill(elements, elements + 4096, std::byte{1});
}

MessageBytes request(MessageBuilder& builder, const ValueWriter& values) {
  static const std::vector<wire::Step> steps{{wire::Op::name, 0, 0}, {wire::Op::call, 1, 0}};
  return builder.request({1, 0, steps, wire::Want::value, false}, values);
}

// Values into the writer, and from there into bytes.
void build(benchmark::State& state, Write write) {
  MessageBuilder builder;
  ValueWriter values;
  std::size_t size = 0;
  for (auto _ : state) {
    values.clear();
    write(values);
    const auto message = request(builder, values);
    size = message.bytes.size();
    benchmark::DoNotOptimize(message.bytes.data());
  }
  state.counters["message_bytes"] = static_cast<double>(size);
}

// Copies the bytes and verifies them, as a receiver does.
void verify(benchmark::State& state, Write write) {
  MessageBuilder builder;
  ValueWriter values;
  write(values);
  const auto bytes = request(builder, values);
  for (auto _ : state) {
    const Message message(bytes);
    benchmark::DoNotOptimize(message.kind());
  }
}

// Checks the tree and visits every value.
void read(benchmark::State& state, Write write) {
  MessageBuilder builder;
  ValueWriter values;
  write(values);
  const Message message(request(builder, values));
  for (auto _ : state) {
    ValueReader reader(*message.as<wire::Request>());
    while (!reader.done()) {
      const auto node = reader.next();
      if (node.kind == wire::Kind::string) benchmark::DoNotOptimize(reader.text(node).data());
      if (node.kind == wire::Kind::array) benchmark::DoNotOptimize(reader.array().bytes.data());
      benchmark::DoNotOptimize(node.bits);
    }
  }
}

#define WIRE_BENCHMARKS(values)              \
  BENCHMARK_CAPTURE(build, values, values);  \
  BENCHMARK_CAPTURE(verify, values, values); \
  BENCHMARK_CAPTURE(read, values, values)

WIRE_BENCHMARKS(scalar_call);
WIRE_BENCHMARKS(list_of_thousand);
WIRE_BENCHMARKS(dict_of_hundred);
WIRE_BENCHMARKS(array_of_4_kib);

}  // namespace
}  // namespace py4cpp::bench
