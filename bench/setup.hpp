// What the benchmarks share: workers that live as long as the program, so that no repetition pays for a start, and the
// questions whether this machine can run a benchmark at all. One thread.
#pragma once

#include <py4cpp/py4cpp.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

namespace py4cpp::bench {

enum class Wait { spinning, blocking };  // how a side waits for the other: Config::spin as it is by default, or 0

Config config(Wait wait);
Python& worker(Wait wait);

// The spinning worker with numpy imported as `np`; null, and the benchmark is skipped, if its interpreter has none.
Python* numpy_worker(benchmark::State& state);

// Whether /dev/shm and the machine's memory have room for `bytes`, with a reserve; if not, the benchmark is skipped.
bool has_room(benchmark::State& state, std::uint64_t bytes);

// Each iteration has moved state.range(0) bytes.
void count_bytes(benchmark::State& state);

// A benchmark: memcpy of state.range(0) bytes from one warm buffer of this process into another.
void memcpy_warm(benchmark::State& state);

// "64 KiB", "4 GiB"
std::string size_text(std::uint64_t bytes);

}  // namespace py4cpp::bench
