#include "attendant.hpp"

#include "high_descriptor.hpp"

#include <cerrno>
#include <csignal>

#include <poll.h>
#include <unistd.h>

namespace py4cpp {

namespace {

using namespace std::chrono_literals;

constexpr auto tick = 1ms;
constexpr auto patience = 1s;  // for the end of a worker that has closed its channel

timespec to_timespec(std::chrono::nanoseconds time) {
  return {static_cast<time_t>(time.count() / 1'000'000'000), static_cast<long>(time.count() % 1'000'000'000)};
}

}  // namespace

Attendant::Attendant(Client& client, Process& process, Session& session)
    : client_(client), process_(process), session_(session), wake_(make_eventfd()) {
  stdout_open_ = process_.stdout_fd() >= 0;
  sigset_t all, before;  // the application's handlers run on its own threads
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    close(wake_);
    throw Error(ErrorKind::exhausted, std::string("no thread to be had: ") + error.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Attendant::~Attendant() {
  join();
  close(wake_);
}

void Attendant::join() noexcept {
  if (thread_.joinable()) thread_.join();
}

void Attendant::forget() noexcept {
  if (thread_.joinable()) thread_.detach();
}

void Attendant::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = write(wake_, &one, sizeof one);
}

void Attendant::attend(std::chrono::microseconds within) noexcept {
  if (within >= tick) {  // a tick is soon enough
    if (state_.load() != State::ticking) wake();
  } else if (!urgent_.exchange(true)) {
    wake();
  }
}

void Attendant::lead_is_free() noexcept {
  if (state_.load() == State::parked) wake();
}

void Attendant::channel_closed() noexcept {
  closing_.store(true);
  wake();
}

void Attendant::run() noexcept {
  while (!wait()) continue;
  read_output(process_.stderr_fd(), wire::Stream::err, stderr_open_);
  read_output(process_.stdout_fd(), wire::Stream::out, stdout_open_);
  client_.ended(process_.reap(patience).value_or(Process::Exit{}));
}

// One turn. True if the worker has ended.
bool Attendant::wait() noexcept {
  const bool urgent = urgent_.load();
  const State state = state_.load();
  std::optional<std::chrono::nanoseconds> limit;
  if (state == State::ticking) limit = tick;
  if (urgent) limit = Session::batch_delay;
  if (kill_at_) limit = std::max<std::chrono::nanoseconds>(0ns, *kill_at_ - Session::Clock::now());
  pollfd watched[] = {{process_.pidfd(), POLLIN, 0},
                      {wake_, POLLIN, 0},
                      {stderr_open_ ? process_.stderr_fd() : -1, POLLIN, 0},
                      {stdout_open_ ? process_.stdout_fd() : -1, POLLIN, 0},
                      {state == State::leading ? session_.channel().read_descriptor() : -1, POLLIN, 0}};
  const timespec time = to_timespec(limit.value_or(0ns));
  const int ready = ppoll(watched, std::size(watched), limit ? &time : nullptr, nullptr);
  if (watched[0].revents != 0) return true;
  if (watched[2].revents != 0) read_output(process_.stderr_fd(), wire::Stream::err, stderr_open_);
  if (watched[3].revents != 0) read_output(process_.stdout_fd(), wire::Stream::out, stdout_open_);
  if (watched[1].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto ignored = read(wake_, &count, sizeof count);
    state_.store(State::ticking);
    if (state == State::leading && session_.pump_idle()) state_.store(State::leading);
    if (state_.load() == State::leading && !urgent_.load()) session_.service();  // releases, while all is quiet
  }
  if (closing_.load() && !kill_at_) kill_at_ = Session::Clock::now() + (session_.problem().empty() ? patience : 0s);
  if (kill_at_ && Session::Clock::now() >= *kill_at_) {
    process_.kill(SIGKILL);
    kill_at_ = Session::Clock::now() + patience;
  }
  if (watched[4].revents != 0 && !session_.pump_idle()) state_.store(State::ticking);
  if (ready == 0 || urgent) {
    urgent_.store(false);
    if (session_.service_on_time()) urgent_.store(true);
  }
  if (ready == 0 && state == State::ticking && !closing_.load()) quiet();
  return false;
}

// A tick has passed: if no call was made in it, look after the channel, or park.
void Attendant::quiet() noexcept {
  const std::uint64_t activity = session_.activity();
  if (activity != seen_activity_) {
    seen_activity_ = activity;
    return;
  }
  if (session_.lead_idle()) {
    state_.store(State::leading);
    if (!session_.pump_idle()) state_.store(State::ticking);
    return;
  }
  state_.store(State::parked);
  if (!session_.led_by_thread()) state_.store(State::ticking);  // it gave up the lead before it could see us parked
}

void Attendant::read_output(int descriptor, wire::Stream stream, bool& open) noexcept {
  if (!open) return;
  char text[16 * 1024];
  for (int turns = 0; turns < 16; ++turns) {  // then look at other things
    const ssize_t got = read(descriptor, text, sizeof text);
    if (got > 0) {
      client_.wrote(stream, {text, static_cast<std::size_t>(got)});
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      if (got == 0) open = false;
      return;
    }
  }
}

}  // namespace py4cpp
