// How many batches a second go from a C++ producer to a Python consumer, beside a producer and a consumer thread that
// share a ring of buffers in one process?
//
// Both sides do equal work on each byte: the producer copies a batch in from a warm buffer, the consumer copies it out
// to a warm buffer (memcpy there; here numpy assigns, which is memmove), and on both the producer's two buffers begin
// at the same place in a page: memcpy takes up to a tenth longer where they don't. `empty` batches are neither written
// nor read: what is left is the hand-over. One iteration is a round of batches, from the first acquire() until the
// consumer is done with the last; an item is a batch.
#include "ring.hpp"
#include "setup.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace py4cpp::bench {
namespace {

constexpr std::size_t slots = 4;

enum class Work { copied, empty };

std::size_t batches_a_round(Work work, std::size_t bytes) {
  if (work == Work::empty) return 1000;
  return std::clamp<std::size_t>((256u << 20) / bytes, 8, 1000);
}

// A slot begins with a page, a large buffer of malloc's 16 bytes behind the beginning of one.
struct alignas(4096) Page {
  std::uint8_t bytes[4096];
};

void count(benchmark::State& state, std::size_t batches, std::size_t bytes) {
  const std::int64_t items = state.iterations() * static_cast<std::int64_t>(batches);
  state.SetItemsProcessed(items);
  state.SetBytesProcessed(items * static_cast<std::int64_t>(bytes));
}

constexpr auto consumers = R"(
def consume_copied(feed):
    for batch in feed:
        scratch[...] = batch["x"]

def consume_empty(feed):
    for batch in feed:
        pass
)";

void feed(benchmark::State& state, Work work) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const std::size_t batches = batches_a_round(work, bytes);
  Python* const python = numpy_worker(state);
  if (!python || !has_room(state, slots * bytes)) return;
  python->exec(consumers);
  python->exec("scratch = np.ones(n, np.uint8)", kw("n", bytes));
  std::vector<Page> source(bytes / sizeof(Page));
  std::memset(source.data(), 1, bytes);
  Feed feed(*python, {{"x", uint8, {bytes}}}, {.slots = slots});
  const char* const consume = work == Work::copied ? "consume_copied" : "consume_empty";
  for (auto _ : state) {
    const Future<void> done = python->call_async<void>(consume, feed);
    for (std::size_t i = 0; i < batches; ++i) {
      Batch batch = feed.acquire();
      if (work == Work::copied) std::memcpy(batch.array<std::uint8_t>("x").data(), source.data(), bytes);
      batch.publish();
    }
    feed.end_epoch();
    done.get();
  }
  count(state, batches, bytes);
}

// The consumer thread of the ring; a null buffer ends a round.
class Consumer {
 public:
  Consumer(Ring& ring, Work work, std::size_t bytes)
      : thread_([this, &ring, work, bytes, scratch = std::vector<std::byte>(bytes, std::byte{1})]() mutable {
          for (;;) {
            Ring::Buffer buffer = ring.take();
            if (!buffer && finish_round()) return;
            if (!buffer) continue;
            if (work == Work::copied) std::memcpy(scratch.data(), buffer.get(), bytes);
            benchmark::DoNotOptimize(scratch.data());
            ring.release(std::move(buffer));
          }
        }),
        ring_(ring) {}

  void wait_for_round() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return finished_; });
    finished_ = false;
  }

  ~Consumer() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    ring_.publish(nullptr);
    thread_.join();
  }

 private:
  // Whether it was the last one.
  bool finish_round() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_one();
    return stop_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
  bool stop_ = false;
  std::thread thread_;
  Ring& ring_;
};

void ring_of_threads(benchmark::State& state, Work work) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const std::size_t batches = batches_a_round(work, bytes);
  const std::vector<std::uint8_t> source(bytes, 1);
  Ring ring(slots, bytes);
  Consumer consumer(ring, work, bytes);
  for (auto _ : state) {
    for (std::size_t i = 0; i < batches; ++i) {
      Ring::Buffer buffer = ring.acquire();
      if (work == Work::copied) std::memcpy(buffer.get(), source.data(), bytes);
      benchmark::DoNotOptimize(buffer.get());
      ring.publish(std::move(buffer));
    }
    ring.publish(nullptr);
    consumer.wait_for_round();
  }
  count(state, batches, bytes);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(64 << 10)->Arg(1 << 20)->Arg(16 << 20)->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(feed, copied, Work::copied)->Apply(sizes);
BENCHMARK_CAPTURE(ring_of_threads, copied, Work::copied)->Apply(sizes);
BENCHMARK_CAPTURE(feed, empty, Work::empty)->Arg(64 << 10)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ring_of_threads, empty, Work::empty)->Arg(64 << 10)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace py4cpp::bench
