// Whether to ask for the next page of 2 MiB. One is four times as fast as what it replaces, but for those that the
// hypervisor took back: pages of that size are what it is offered when they are free. Such a one takes four times as
// long as pages of 4 KiB, which are seldom among those. So a slow one is followed by a pause, the longer the more were
// slow in a row. One thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <ctime>

namespace py4cpp {

constexpr std::size_t huge_page = std::size_t{2} << 20;

class HugePagePace {
 public:
  // Before each page; if it is worth it, done() after it.
  bool worth_it() noexcept {
    if (pause_ > 0) {
      --pause_;
      return false;
    }
    started_ = now();
    return true;
  }
  void done() noexcept {
    if (now() - started_ < too_long) {
      next_pause_ = shortest_pause;
    } else {
      pause_ = next_pause_;
      next_pause_ *= 3;
    }
  }

 private:
  static constexpr auto too_long = std::chrono::milliseconds(2);  // pages of 4 KiB take one, a large one a quarter
  static constexpr std::size_t shortest_pause = 32;               // pages

  // What this thread has worked, whoever else did meanwhile.
  static std::chrono::nanoseconds now() noexcept {
    std::timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  std::chrono::nanoseconds started_{0};
  std::size_t pause_ = 0;  // pages to let pass
  std::size_t next_pause_ = shortest_pause;
};

}  // namespace py4cpp
