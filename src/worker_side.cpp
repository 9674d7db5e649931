// The worker's other face: what Python asks of C++, what it printed, what it released.
#include "deferred_callable.hpp"
#include "failure_codec.hpp"
#include "stack_left.hpp"
#include "worker_writing.hpp"

#include <utility>

#include <unistd.h>

namespace py4cpp {

namespace {

constexpr std::size_t tail_size = 8 * 1024;  // bytes of stderr kept for WorkerDied

void write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written <= 0) return;  // the host's own stderr is gone: nobody to tell
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

// ---- callbacks

// The answer to one callback, given later.
class Worker::Answer final : public OwedAnswer {
 public:
  Answer(std::weak_ptr<Worker> worker, std::uint64_t id) noexcept : worker_(std::move(worker)), id_(id) {}

  void more(const Value& value) noexcept override {
    give([&](Worker& worker) { worker.answer(id_, value, true); });
  }
  void more(std::span<const NamedArray> arrays, const std::shared_ptr<Block>& block) noexcept override {
    give([&](Worker& worker) { worker.answer_more(id_, arrays, block); });
  }
  void value(const Value& value) noexcept override {
    give([&](Worker& worker) { worker.answer(id_, value); });
  }
  void exception(const std::exception_ptr& exception) noexcept override {
    give([&](Worker& worker) { worker.answer(id_, exception); });
  }

 private:
  template <class Answer>
  void give(Answer answer) noexcept {
    const auto worker = worker_.lock();
    if (!worker || !worker->made_in_.same_process()) return;
    try {
      answer(*worker);
    } catch (...) {
      worker->session_->close("there is no memory for an answer");
    }
    worker->session_->service();
  }

  const std::weak_ptr<Worker> worker_;
  const std::uint64_t id_;
};

// The one request that Python makes of C++: a callable, called. False if the answer comes later.
bool Worker::call_back(const wire::Request& request, Value& result) {
  const auto* steps = request.steps();
  if (steps == nullptr || steps->size() != 2 || steps->Get(0)->op() != wire::Op::value ||
      steps->Get(1)->op() != wire::Op::call) {
    throw BadMessage("a callback that is no call");
  }
  const wire::Step& call = *steps->Get(1);
  ValueReader reader(request);
  if (reader.roots() != 1 + std::uint64_t{call.positional()} + 2 * std::uint64_t{call.named()}) {
    throw BadMessage("a callback whose arguments are cut off");
  }
  const ValueReader::Node function = reader.next();
  if (function.kind != wire::Kind::callable) throw BadMessage("a callback of something that is no C++ callable");
  reader.skip();  // its face
  const auto callable = exports_.callable(function.bits);
  if (!callable) throw BadMessage("a C++ callable that isn't known");
  std::vector<Value> positional;
  HostCallable::NamedValues named;
  positional.reserve(call.positional());
  for (std::uint32_t i = 0; i < call.positional(); ++i) positional.push_back(decode(reader, *this));
  for (std::uint32_t i = 0; i < call.named(); ++i) {
    std::string name(reader.expect_string());
    named.emplace_back(std::move(name), decode(reader, *this));
  }
  if (auto* deferred = dynamic_cast<DeferredCallable*>(callable.get())) {
    deferred->call(std::move(positional), std::make_unique<Answer>(weak_from_this(), request.id()));
    return false;
  }
  result = callable->call(std::move(positional), std::move(named));
  return true;
}

void Worker::answer(std::uint64_t id, const Value& value, bool more) {
  Writing writing(*this);
  Held held;
  encode(value, *writing, *this, &held);
  hold(held_answers_, id, std::move(held));
  session_->reply(id, *writing, more);
  writing.sent();
}

// Without a Value between them and the message: a feed's batches are many.
void Worker::answer_more(std::uint64_t id, std::span<const NamedArray> arrays, const std::shared_ptr<Block>& block) {
  Writing writing(*this);
  writing->begin(wire::Kind::dict, arrays.size());
  for (const NamedArray& array : arrays) {
    writing->string(array.name);
    writing->array(array.layout, array.data, true, block);
    count_array(true, array.layout.nbytes());
  }
  session_->reply(id, *writing, true);
  writing.sent();
}

void Worker::answer(std::uint64_t id, const std::exception_ptr& thrown) {
  const EncodedException exception(thrown, *this, exports_);
  if (exception.object()) hold(held_answers_, id, {exception.object()});
  session_->failure(id, exception.list());
}

void Worker::serve(const wire::Request& request) noexcept {
  callbacks_.fetch_add(1);
  try {
    constexpr std::size_t needed = std::size_t{128} << 10;  // bytes: for what the callable does before it asks again
    if (stack_almost_full(needed)) {
      throw Error(ErrorKind::exhausted, "C++ and Python have called each other too deeply: the stack is almost full");
    }
    Value result;
    if (call_back(request, result)) {
      answer(request.id(), request.want() != wire::Want::nothing ? result : Value());
    }
  } catch (const BadMessage& error) {
    session_->close(error.what());
  } catch (...) {
    answer(request.id(), std::current_exception());
  }
  if (callbacks_.fetch_sub(1) > 1 || !callbacks_awaited_.load()) return;
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void Worker::unattended(Message request) {
  // std::function must be copyable; a Message isn't.
  auto shared = std::make_shared<Message>(std::move(request));
  if (auto self = weak_from_this().lock()) {
    ElasticExecutor::instance().post([self = std::move(self), shared] { self->session_->run(std::move(*shared)); });
  }
}

void Worker::attend(std::chrono::microseconds within) noexcept {
  if (Attendant* attendant = attendant_.load()) attendant->attend(within);
}

void Worker::lead_is_free() noexcept {
  if (Attendant* attendant = attendant_.load()) attendant->lead_is_free();
}

void Worker::closed(const std::string&) noexcept {
  if (Attendant* attendant = attendant_.load()) attendant->channel_closed();
}

// ---- releases

void Worker::released(const wire::Release& release) {
  const std::lock_guard lock(released_mutex_);
  if (release.objects() != nullptr) {
    taken_answers_.insert(taken_answers_.end(), release.objects()->begin(), release.objects()->end());
  }
  if (release.callables() == nullptr) return;
  for (const auto* callable : *release.callables()) released_callables_.emplace_back(callable->id(), callable->count());
}

void Worker::housekeep() noexcept {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> due;
  std::vector<std::uint64_t> taken;
  {
    const std::lock_guard lock(released_mutex_);
    due.swap(released_callables_);
    taken.swap(taken_answers_);
  }
  for (const std::uint64_t id : taken) let_go(held_answers_, id);
  for (const auto& [id, count] : due) exports_.released(id, count);
}

// An answer that nobody takes: what it carries goes back at once. The call's own id is released by whoever kept it.
void Worker::discard(const Message& answer) noexcept {
  const auto* reply = answer.as<wire::Reply>();
  const auto* failure = answer.as<wire::Failure>();
  let_go(held_calls_, reply != nullptr ? reply->id() : failure->id());
  try {
    if (failure != nullptr && failure->exceptions() != nullptr) {
      for (const auto* exception : *failure->exceptions()) {
        if (exception->object() != 0 && exception->object() != failure->id())
          session_->release_object(exception->object());
      }
    }
    ValueReader reader = reply != nullptr ? ValueReader(*reply) : ValueReader();
    while (!reader.done()) {
      const auto node = reader.next();
      switch (node.kind) {
        case wire::Kind::object:
          if (node.bits != reply->id()) session_->release_object(node.bits);
          break;
        case wire::Kind::array:
        case wire::Kind::shared_string:
        case wire::Kind::shared_bytes:
          if (const ArrayPlace place = reader.array(); !place.is_inline) session_->ledger().borrow(place.block);
          break;
        case wire::Kind::string:
        case wire::Kind::bytes:
        case wire::Kind::big_integer:
          reader.text(node);
          break;
        case wire::Kind::complex:
          reader.imaginary();
          break;
        default:
          break;
      }
    }
  } catch (const std::exception& error) {
    session_->close(error.what());
  }
}

// ---- output

// Recursive: a handler may call Python, which prints.
class Worker::HandlerLock {
 public:
  explicit HandlerLock(Worker& worker) : lock_(worker.handling_), outer_(std::exchange(handled_here, &worker)) {}
  ~HandlerLock() { handled_here = outer_; }
  HandlerLock(const HandlerLock&) = delete;
  HandlerLock& operator=(const HandlerLock&) = delete;

  static thread_local const Worker* handled_here;

 private:
  std::lock_guard<std::recursive_mutex> lock_;
  const Worker* outer_;
};

thread_local const Worker* Worker::HandlerLock::handled_here = nullptr;

bool Worker::in_handler() const noexcept { return HandlerLock::handled_here == this; }

void Worker::print(wire::Stream stream, std::string_view text) noexcept {
  const auto& handler = stream == wire::Stream::out ? config_.on_stdout : config_.on_stderr;
  try {
    // Output comes through the channel and through pipes, read by different threads; the handlers, often one for both,
    // see it piece by piece.
    const HandlerLock one_piece_at_a_time(*this);
    if (handler) return handler(text);
  } catch (...) {  // a handler has nobody to throw to
    return;
  }
  write_all(stream == wire::Stream::out ? STDOUT_FILENO : STDERR_FILENO, text);
}

void Worker::output_waiting() noexcept {
  if (auto self = weak_from_this().lock()) {
    ElasticExecutor::instance().post([self = std::move(self)] { self->session_->drain_output(); });
  }
}

void Worker::wrote(wire::Stream stream, std::string_view text) noexcept {
  if (stream == wire::Stream::err) {
    const std::lock_guard lock(mutex_);
    stderr_tail_.append(text);
    if (stderr_tail_.size() > 2 * tail_size) stderr_tail_.erase(0, stderr_tail_.size() - tail_size);
  }
  // stop() waits for it, unless an output handler is what stops the worker.
  printing_.post([this, self = weak_from_this().lock(), stream, copy = std::string(text)] { print(stream, copy); });
}

}  // namespace py4cpp
