// What every benchmark program reports beside Google Benchmark's mean: the median and the 99th percentile of single
// operations, in nanoseconds, and operations per second.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace py4cpp::bench {

// Times each operation of a benchmark by itself; the clock costs about 25 ns. One thread.
class Latency {
 public:
  explicit Latency(benchmark::State& state) : state_(state) { times_.reserve(1 << 16); }
  Latency(const Latency&) = delete;
  Latency& operator=(const Latency&) = delete;

  template <class Operation>
  void time(Operation operation) {
    const auto start = std::chrono::steady_clock::now();
    operation();
    add(std::chrono::steady_clock::now() - start);
  }

  // time(), of a benchmark with UseManualTime(): what else an iteration does isn't counted.
  template <class Operation>
  void time_alone(Operation operation) {
    const auto start = std::chrono::steady_clock::now();
    operation();
    add_alone(std::chrono::steady_clock::now() - start);
  }
  void add_alone(std::chrono::duration<double> taken) {
    state_.SetIterationTime(taken.count());
    add(taken);
  }

  ~Latency() {
    if (times_.empty()) return;
    std::sort(times_.begin(), times_.end());
    state_.counters["p50_ns"] = at(0.50);
    state_.counters["p99_ns"] = at(0.99);
    state_.SetItemsProcessed(static_cast<std::int64_t>(state_.iterations()));
  }

 private:
  void add(std::chrono::duration<double, std::nano> taken) {
    if (times_.size() == times_.capacity()) thin_out();
    if (turn_++ % step_ == 0) times_.push_back(taken.count());
  }

  // Keeps every other one, so that the memory stays small however long it runs.
  void thin_out() {
    for (std::size_t i = 0; i < times_.size() / 2; ++i) times_[i] = times_[2 * i];
    times_.resize(times_.size() / 2);
    step_ *= 2;
  }
  double at(double quantile) const {
    return times_[static_cast<std::size_t>(quantile * static_cast<double>(times_.size() - 1))];
  }

  benchmark::State& state_;
  std::vector<double> times_;
  std::size_t step_ = 1;
  std::size_t turn_ = 0;
};

}  // namespace py4cpp::bench
