// py4cpp bench: what the library does on this machine with this interpreter, in a few seconds. No benchmark suite: each
// figure is the median of what one thread measured, for comparing machines, containers and settings.
#include "commands.hpp"

#include <py4cpp/py4cpp.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace py4cpp::cli {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t most_samples = 1'000'000;

double median(std::vector<double>& samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

// The median time of one `act`, in seconds, over about `time`. The first is for warmth.
double time_of(std::chrono::milliseconds time, const std::function<void()>& act) {
  act();
  std::vector<double> samples;
  const auto end = Clock::now() + time;
  for (auto before = Clock::now(); samples.size() < 3 || (before < end && samples.size() < most_samples);) {
    act();
    const auto after = Clock::now();
    samples.push_back(Seconds(after - before).count());
    before = after;
  }
  return median(samples);
}

// "3.41 us", "12.0 ms".
std::string time_text(double seconds) {
  const char* unit = "s";
  for (const char* smaller : {"ms", "us", "ns"}) {
    if (seconds >= 1 || seconds == 0) break;
    seconds *= 1000;
    unit = smaller;
  }
  std::ostringstream text;
  text << std::fixed << std::setprecision(seconds < 10 ? 2 : seconds < 100 ? 1 : 0) << seconds << " " << unit;
  return text.str();
}

// "12,345,678"
std::string count_text(double count) {
  std::string digits = std::to_string(std::llround(count));
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string size_text(std::size_t bytes) {
  for (const auto& [unit, name] : {std::pair{std::size_t{1} << 30, " GiB"}, {std::size_t{1} << 20, " MiB"}}) {
    if (bytes >= unit) return std::to_string(bytes / unit) + name;
  }
  return std::to_string(bytes >> 10) + " KiB";
}

void row(const std::string& what, const std::vector<std::string>& cells) {
  std::cout << "  " << std::left << std::setw(34) << what << std::right;
  for (const std::string& cell : cells) std::cout << std::setw(18) << cell;
  std::cout << std::endl;
}

void bench_start(std::chrono::milliseconds time, const Config& config) {
  row("start", {"time"});
  row("a worker, started and stopped", {time_text(time_of(time, [&] { const Python started(config); }))});
  std::cout << "\n";
}

void bench_calls(std::chrono::milliseconds time, Python& py) {
  constexpr int burst = 1000;
  const auto report = [&](const std::string& what, double seconds) {
    row(what, {time_text(seconds), count_text(1 / seconds)});
  };
  row("calls", {"time each", "a second"});
  report("call(\"int\", \"5\")", time_of(time, [&] { py.call<int>("int", "5"); }));
  report("eval(\"x + 1\", \"x\"_a = 1)", time_of(time, [&] { py.eval<int>("x + 1", "x"_a = 1); }));
  const auto absolute = py.function<int(int)>("abs");
  report("function<int(int)>", time_of(time, [&] { absolute(-5); }));
  report("call_async, " + std::to_string(burst) + " at a time", time_of(time, [&] {
                                                                  std::vector<Future<int>> results;
                                                                  results.reserve(burst);
                                                                  for (int i = 0; i < burst; ++i) {
                                                                    results.push_back(py.call_async<int>("abs", i));
                                                                  }
                                                                  for (const auto& result : results) result.get();
                                                                }) / burst);
  py.exec("def _py4cpp_bench(f, n):\n    for _ in range(n): f(1)");
  const std::function<int(int)> same = [](int x) { return x; };
  report("callback, Python to C++ and back",
         time_of(time, [&] { py.call<void>("_py4cpp_bench", same, burst); }) / burst);
  py.exec("del _py4cpp_bench");
  std::cout << "\n";
}

void bench_arrays(std::chrono::milliseconds time, std::size_t most_bytes, Python& py) {
  row("float64 arrays", {"C++ to Python", "and to C++", "xt::xarray, copy"});
  const Object take = py.eval<Object>("lambda a: None");
  const Object give = py.eval<Object>("lambda a: lambda: a");
  for (const std::size_t bytes :
       {std::size_t{8} << 10, std::size_t{1} << 20, std::size_t{64} << 20, std::size_t{512} << 20}) {
    if (bytes > most_bytes) break;
    try {
      const auto array = py.array<double>({bytes / sizeof(double)});
      array.view() = 1.0;
      const double there = time_of(time, [&] { take.call<void>(array); });
      const Object giver = give.call<Object>(py.eval<Object>("__import__('numpy').ones(n)", "n"_a = array.size()));
      const double back = time_of(time, [&] { giver.call<Array<double>>(); });
      const xt::xarray<double> plain = array.view();
      const double copied = time_of(time, [&] { take.call<void>(plain); });
      row(size_text(bytes), {time_text(there), time_text(back), time_text(copied)});
    } catch (const OutOfSharedMemory&) {
      row(size_text(bytes), {"no room for it in /dev/shm"});
    }
  }
}

}  // namespace

int bench(std::chrono::milliseconds time, std::size_t largest) {
  const Config config = Config::load();
  Python py(config);
  const VersionInfo version = py.version_info();
  const bool numpy = py.eval<bool>("__import__('importlib.util').util.find_spec('numpy') is not None");
  std::cout << "Python " << version.major << "." << version.minor << "." << version.micro << ", "
            << py.eval<std::string>("__import__('sys').executable") << ", "
            << (numpy ? "numpy " + py.eval<std::string>("__import__('numpy').__version__") : "no numpy") << ", "
            << std::thread::hardware_concurrency() << " processors; medians\n\n";
  bench_start(time, config);
  bench_calls(time, py);
  if (numpy)
    bench_arrays(time, largest << 20, py);
  else
    std::cout << "  no numpy there, so no arrays\n";
  return 0;
}

}  // namespace py4cpp::cli
