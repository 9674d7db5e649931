// Do producing and training really run at once? A round of batches is produced alone (C++ augments them in memory of
// its own), trained on alone (numpy, over one batch), and both together through a feed: that should take hardly longer
// than the slower of the two. The work of both is about equal, which is the hardest case. Both at once with nothing
// between them tells how much of the rest is the machine's: processors that share caches, memory, and a hypervisor. An
// item is a batch.
#include "setup.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace py4cpp::bench {
namespace {

constexpr std::size_t rows = 256;
constexpr std::size_t columns = 1024;
constexpr std::size_t batches = 32;
constexpr std::size_t slots = 4;

// Two layers, one step of gradient descent a batch.
constexpr auto trainer = R"(
import numpy as np

def start():
    random = np.random.default_rng(1)
    return [random.normal(0, 0.03, shape).astype(np.float32) for shape in ((1024, 8), (8, 10))]

def step(weights, x, y):
    first, second = weights
    hidden = np.maximum(x @ first, 0)
    scores = np.exp(hidden @ second)
    slope = scores / scores.sum(1, keepdims=True)
    slope[np.arange(len(y)), y] -= 1
    back = (slope @ second.T) * (hidden > 0)
    second -= 1e-4 * (hidden.T @ slope)
    first -= 1e-4 * (x.T @ back)

def train_alone(given, batches):
    weights = start()
    for i in range(batches):
        x, y = given[i % len(given)]
        step(weights, x, y)

def train(feed):
    weights = start()
    for batch in feed:
        step(weights, batch["x"], batch["y"])
)";

// A worker of its own: its linear algebra is to use one processor, as the producer does.
Python* trainer_worker(benchmark::State& state) {
  static Python python = [] {
    Config single = config(Wait::spinning);
    for (const char* name : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"})
      single.environment[name] = "1";
    return Python(single);
  }();
  try {
    python.exec(trainer);
  } catch (const errors::ImportError&) {
    state.SkipWithError("this interpreter has no numpy: set PY4CPP_PYTHON to one that has");
    return nullptr;
  }
  return &python;
}

// Normalises, jitters and clips every value of a batch, a few times over.
class Producer {
 public:
  Producer() : source_(rows * columns, 0.25f) {}

  void fill(float* out, std::int64_t* labels) {
    for (int pass = 0; pass < 6; ++pass) {
      for (std::size_t i = 0; i < source_.size(); ++i) {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        const float jitter = static_cast<float>(static_cast<std::int32_t>(random_)) * 0x1p-33f;
        out[i] = std::min(1.0f, (source_[i] - 0.1f) * 1.5f + jitter);
      }
    }
    for (std::size_t row = 0; row < rows; ++row) labels[row] = static_cast<std::int64_t>(row % 10);
  }

 private:
  std::vector<float> source_;
  std::uint64_t random_ = 88172645463325252ull;
};

void count(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batches));
}

// Batches in the producer's own memory.
class OwnBatches {
 public:
  explicit OwnBatches(std::size_t count) : x_(count, std::vector<float>(rows * columns)), y_(rows) {}

  void produce() {
    for (std::size_t i = 0; i < batches; ++i) {
      float* const x = x_[i % x_.size()].data();
      producer_.fill(x, y_.data());
      benchmark::DoNotOptimize(x);
      benchmark::ClobberMemory();
    }
  }

 private:
  Producer producer_;
  std::vector<std::vector<float>> x_;
  std::vector<std::int64_t> y_;
};

// Batches that the worker has before it trains on them.
using GivenBatches = std::vector<std::pair<Array<float>, Array<std::int64_t>>>;

GivenBatches given_batches(Python& python, std::size_t count) {
  Producer producer;
  GivenBatches given;
  for (std::size_t i = 0; i < count; ++i) {
    given.emplace_back(python.array<float>({rows, columns}), python.array<std::int64_t>({rows}));
    producer.fill(given.back().first.data(), given.back().second.data());
  }
  return given;
}

void produce_alone(benchmark::State& state) {
  OwnBatches own(1);
  for (auto _ : state) own.produce();
  count(state);
}

void train_alone(benchmark::State& state) {
  Python* const python = trainer_worker(state);
  if (!python) return;
  const GivenBatches given = given_batches(*python, 1);
  for (auto _ : state) python->call<void>("train_alone", given, batches);
  count(state);
}

// Each side uses as many batches as a feed has slots, so both take as much memory as with one.
void both_unconnected(benchmark::State& state) {
  Python* const python = trainer_worker(state);
  if (!python) return;
  OwnBatches own(slots);
  const GivenBatches given = given_batches(*python, slots);
  for (auto _ : state) {
    const Future<void> done = python->call_async<void>("train_alone", given, batches);
    own.produce();
    done.get();
  }
  count(state);
}

void both_at_once(benchmark::State& state) {
  Python* const python = trainer_worker(state);
  if (!python) return;
  Producer producer;
  Feed feed(*python, {{"x", float32, {rows, columns}}, {"y", int64, {rows}}}, {.slots = slots});
  for (auto _ : state) {
    const Future<void> done = python->call_async<void>("train", feed);
    for (std::size_t i = 0; i < batches; ++i) {
      Batch batch = feed.acquire();
      producer.fill(batch.array<float>("x").data(), batch.array<std::int64_t>("y").data());
      batch.publish();
    }
    feed.end_epoch();
    done.get();
  }
  count(state);
}

BENCHMARK(produce_alone)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(train_alone)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(both_unconnected)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(both_at_once)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace py4cpp::bench
