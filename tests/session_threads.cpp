#include "session_threads.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <stdexcept>

namespace py4cpp::test {

namespace {

std::atomic<unsigned> jitter_seed{0};
std::atomic<unsigned> jitter_threads{0};

}  // namespace

void set_jitter(unsigned seed) noexcept { jitter_seed.store(seed); }

void jitter() noexcept {
  const unsigned seed = jitter_seed.load(std::memory_order_relaxed);
  if (seed == 0) return;
  thread_local std::minstd_rand random(seed * 7919 + jitter_threads.fetch_add(1));
  const auto choice = random() % 64;
  if (choice == 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
  } else if (choice < 16) {
    std::this_thread::yield();
  }
}

std::pair<int, int> make_pipe(int size) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  if (size > 0 && fcntl(ends[1], F_SETPIPE_SZ, size) < 0) throw std::runtime_error("no pipe of that size");
  return {ends[0], ends[1]};
}

// ---- Executor

void Executor::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (idle_ < tasks_.size()) threads_.emplace_back([this] { work(); });
  changed_.notify_one();
}

void Executor::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return finishing_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

void Executor::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  changed_.notify_all();
  for (std::size_t i = 0;; ++i) {
    std::thread thread;
    {
      const std::lock_guard lock(mutex_);
      if (i == threads_.size()) break;
      thread = std::move(threads_[i]);
    }
    thread.join();
  }
}

// ---- Service

void Service::start(Session& session, bool leads) {
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this, &session, leads] { run(session, leads); });
}

void Service::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  close(wake_);
}

void Service::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = write(wake_, &one, sizeof one);
}

void Service::attend(std::chrono::microseconds within) noexcept {
  const auto due = Session::Clock::now() + std::max(within, 20us);  // a pipe that is full isn't asked all the time
  {
    const std::lock_guard lock(mutex_);
    if (due_ && *due_ <= due) return;
    due_ = due;
  }
  wake();
}

void Service::lead_is_free() noexcept {
  {
    const std::lock_guard lock(mutex_);
    lead_is_free_ = true;
  }
  wake();
}

void Service::run(Session& session, bool leads) {
  bool leading = false;
  for (;;) {
    std::optional<Session::Clock::time_point> due;
    bool free = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      due = due_;
      free = std::exchange(lead_is_free_, false);
    }
    if (free && leads) leading = session.lead_idle();
    pollfd watched[] = {{wake_, POLLIN, 0}, {leading ? session.channel().read_descriptor() : -1, POLLIN, 0}};
    timespec limit{};
    if (due) {
      const auto left = std::max<std::chrono::nanoseconds>(*due - Session::Clock::now(), 0ns).count();
      limit = {static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
    }
    ppoll(watched, 2, due ? &limit : nullptr, nullptr);
    std::uint64_t wakes = 0;
    [[maybe_unused]] const auto ignored = read(wake_, &wakes, sizeof wakes);
    jitter();
    if (watched[1].revents != 0) leading = session.pump_idle();
    if (due && Session::Clock::now() >= *due) {
      {
        const std::lock_guard lock(mutex_);
        due_.reset();
      }
      session.service();
    }
  }
}

// ---- Relay

Relay::Relay(int from, int to, unsigned seed)
    : thread_([from, to, seed] {
        std::minstd_rand random(seed);
        std::vector<char> bytes(64 * 1024);
        for (;;) {
          const std::size_t most = random() % 4 == 0 ? 1 + random() % 16 : bytes.size();
          const ssize_t got = read(from, bytes.data(), most);
          if (got <= 0) break;
          for (ssize_t done = 0; done < got;) {
            const ssize_t written = write(to, bytes.data() + done, static_cast<std::size_t>(got - done));
            if (written <= 0) break;
            done += written;
          }
          if (random() % 32 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
        }
        close(from);
        close(to);
      }) {}

Relay::~Relay() { thread_.join(); }

}  // namespace py4cpp::test
