// Does an idle worker cost anything? The processor time and the wake-ups of both processes, but for the thread that
// measures, in the second after a call; and after how many milliseconds that stops.
#include "setup.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace py4cpp::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Of all threads of both processes but ours.
struct Activity {
  std::uint64_t nanoseconds = 0;  // on a processor
  std::uint64_t slices = 0;       // times it was put on one

  static Activity of_both(int worker) {
    Activity activity;
    activity.add(getpid());
    activity.add(worker);
    return activity;
  }

 private:
  void add(int process) {
    for (const auto& thread : fs::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
      if (thread.path().filename() == std::to_string(gettid())) continue;
      std::ifstream file(thread.path() / "schedstat");
      std::uint64_t running = 0, waiting = 0, count = 0;
      file >> running >> waiting >> count;
      nanoseconds += running;
      slices += count;
    }
  }
};

void after_the_last_call(benchmark::State& state) {
  Python& python = worker(Wait::spinning);
  double nanoseconds = 0, slices = 0, quiet_after = 0;
  for (auto _ : state) {
    for (int i = 0; i < 1000; ++i) python.call<long>("int", "5");
    const auto start = Clock::now();
    auto last = start;
    Activity before = Activity::of_both(python.pid());
    while (Clock::now() - start < std::chrono::milliseconds(200)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const Activity now = Activity::of_both(python.pid());
      if (now.nanoseconds != before.nanoseconds) last = Clock::now();
      before = now;
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const Activity after = Activity::of_both(python.pid());
    nanoseconds += static_cast<double>(after.nanoseconds - before.nanoseconds);
    slices += static_cast<double>(after.slices - before.slices);
    quiet_after = std::max(quiet_after, std::chrono::duration<double, std::milli>(last - start).count());
  }
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["cpu_ns_per_s"] = nanoseconds / rounds;
  state.counters["wakeups_per_s"] = slices / rounds;
  state.counters["quiet_after_ms"] = quiet_after;
}

BENCHMARK(after_the_last_call)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace py4cpp::bench
