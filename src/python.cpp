#include <py4cpp/python.hpp>

#include "guards.hpp"
#include "worker.hpp"

#include <py4cpp/error.hpp>

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace py4cpp {

// A Python's worker, and what a new one is given when it is started again. Its address is what guards know it by.
//
// One thread at a time starts a worker, without the lock: its start-up code may print, which a handler hears, and call
// exported functions, and both may use this Python. On that thread they get the new worker; other threads wait.
class Python::State final : public PeerSource {
 public:
  explicit State(Config config) : config_(std::move(config)), worker_(Worker::start(config_, this)) {
    prepare(*worker_, {});
  }
  ~State() override { worker_->stop(); }

  std::shared_ptr<AsyncPeer> peer() override { return worker(); }
  void keep(const void* key, std::shared_ptr<void> thing) override {
    const Lock lock(mutex_);
    kept_[key].swap(thing);  // what was there goes after the lock
  }

  std::shared_ptr<Worker> worker() {
    Lock lock(mutex_);
    settle(lock);
    if (config_.restart == Restart::on_next_call && !worker_->alive()) replace(lock);
    return worker_;
  }
  std::shared_ptr<Worker> present() const {
    const Lock lock(mutex_);
    return worker_;
  }

  void start(bool if_dead) {
    Lock lock(mutex_);
    settle(lock);
    if (!worker_->alive()) return replace(lock);
    if (!if_dead) throw Error(ErrorKind::invalid, "the Python worker is alive: stop() it before start()");
  }

  void stop() {
    Lock lock(mutex_);
    settle(lock);
    const auto worker = worker_;
    lock.unlock();
    worker->stop();
  }

  void add_export(std::string_view name, const Value& callable) {
    const std::shared_ptr<Worker> target = worker();
    assign(*target, name, callable);
    const Lock lock(mutex_);
    std::erase_if(exports_, [&](const auto& known) { return known.first == name; });
    exports_.emplace_back(name, callable);
  }

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Exports = std::vector<std::pair<std::string, Value>>;

  // Also tells the function its name, which tracebacks show.
  static void assign(Worker& worker, std::string_view name, const Value& function) {
    const Step steps[] = {{Op::assign}, {Op::value}, {Op::set_attribute}};
    const Value target = Value::make(name);
    const Value values[] = {target, function, function, Value::make(std::string_view("__name__")), target};
    worker.run(Request{steps, values, Want::nothing});
  }

  void prepare(Worker& worker, const Exports& exports) const {
    try {
      for (const auto& [name, callable] : exports) assign(worker, name, callable);
      if (config_.startup.empty()) return;
      const Step steps[] = {{Op::code}};
      const Value values[] = {Value::make(config_.startup)};
      worker.run(Request{steps, values, Want::nothing});
    } catch (...) {
      worker.stop();
      throw;
    }
  }

  // Returns when no other thread is starting a worker.
  void settle(Lock& lock) {
    settled_.wait(lock, [&] { return starter_ == std::thread::id() || starter_ == std::this_thread::get_id(); });
  }

  void replace(Lock& lock) {
    if (starter_ == std::this_thread::get_id()) return;  // the one that is being started has ended, and says so
    starter_ = std::this_thread::get_id();
    const Exports exports = exports_;
    std::exception_ptr error;
    try {
      const std::shared_ptr<Worker> old = worker_;
      lock.unlock();
      old->stop();
      const std::shared_ptr<Worker> fresh = Worker::start(config_, this);
      lock.lock();
      worker_ = fresh;
      lock.unlock();
      prepare(*fresh, exports);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    starter_ = {};
    settled_.notify_all();
    if (error) std::rethrow_exception(error);
  }

  const Config config_;
  mutable std::mutex mutex_;
  std::condition_variable settled_;  // starter_ is none
  // Guarded by mutex_:
  std::thread::id starter_;
  std::shared_ptr<Worker> worker_;  // never null
  Exports exports_;
  std::map<const void*, std::shared_ptr<void>> kept_;
};

namespace {

template <class State>
State& checked(const std::shared_ptr<State>& state) {
  if (!state) throw Error(ErrorKind::invalid, "this Python has been moved from");
  return *state;
}

// function(argument) of the worker's own package.
template <class R>
R introspect(AsyncPeer& peer, std::string_view function, const Value& argument) {
  return detail::call_function<R>(peer, "py4cpp._introspect", function, argument);
}

}  // namespace

Python::Python() : Python(Config::load()) {}

Python::Python(Config config) : state_(std::make_shared<State>(std::move(config))) {}
Python::~Python() = default;
Python::Python(Python&&) noexcept = default;
Python& Python::operator=(Python&&) noexcept = default;

std::shared_ptr<AsyncPeer> Python::peer() const { return checked(state_).worker(); }

std::weak_ptr<PeerSource> Python::source() const {
  checked(state_);
  return state_;
}

bool Python::alive() const { return state_ && state_->present()->alive(); }

int Python::pid() const {
  if (!state_) return 0;
  const auto worker = state_->present();
  return worker->alive() ? worker->pid() : 0;
}

void Python::start() { checked(state_).start(false); }
void Python::start_if_not_alive() { checked(state_).start(true); }

void Python::stop() {
  if (state_) state_->stop();
}

void Python::interrupt() { checked(state_).present()->interrupt_oldest(); }

VersionInfo Python::version_info() {
  const auto worker = checked(state_).worker();
  const HelloInfo& hello = worker->hello();
  return {hello.major, hello.minor, hello.micro, hello.releaselevel, hello.serial};
}

Stats Python::stats() {
  const auto worker = checked(state_).present();
  Stats stats = worker->host_stats();
  if (!worker->alive()) return stats;
  const auto sent = detail::call_function<std::vector<std::uint64_t>>(*worker, "py4cpp._worker", "sent_arrays");
  if (sent.size() == 4) {
    stats.arrays_shared += sent[0];
    stats.arrays_copied += sent[1];
    stats.bytes_shared += sent[2];
    stats.bytes_copied += sent[3];
  }
  return stats;
}

std::filesystem::path Python::cwd() { return detail::call_function<std::filesystem::path>(*peer(), "os", "getcwd"); }

void Python::chdir(const std::filesystem::path& directory) {
  detail::call_function<void>(*peer(), "os", "chdir", directory);
}

Object Python::import(std::string_view module) {
  const Step steps[] = {{Op::import_module}};
  const Value values[] = {Value::make(module)};
  return detail::run<Object>(*peer(), steps, values);
}

Object Python::reload(const Object& module) {
  return detail::call_function<Object>(*peer(), "importlib", "reload", module);
}

std::string Python::help(std::string_view name) {
  const Step steps[] = {{Op::name}};
  const Value values[] = {Value::make(name)};
  const auto worker = peer();
  return introspect<std::string>(*worker, "help_text", Value(detail::run<Object>(*worker, steps, values)));
}

std::string Python::help(const Object& object) { return introspect<std::string>(*peer(), "help_text", Value(object)); }

void Python::export_callable(std::string_view name, const Value& callable) {
  checked(state_).add_export(name, callable);
}

RemoteObjects::RemoteObjects(const Python& python) : python_(python.state_.get()) {
  guards::keep_results(python_, checked(python.state_).present()->current_callback());
}
RemoteObjects::~RemoteObjects() { guards::end_keep_results(python_); }

Timeout::Timeout(const Python& python, std::chrono::nanoseconds time) : python_(python.state_.get()) {
  guards::limit_time(python_, detail::time_after<guards::Clock>(time));
}
Timeout::~Timeout() { guards::end_limit_time(python_); }

}  // namespace py4cpp
