#include "worker_fixture.hpp"

#include "arena.hpp"
#include "interrupt_signal.hpp"

#include <stdexcept>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace py4cpp::test {

namespace {

using wire::Kind;
using wire::Op;

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// The next value as text.
std::string render(ValueReader& reader, std::uint64_t& object);

std::string render_children(ValueReader& reader, std::uint64_t count, const char* open, const char* close,
                            std::uint64_t& object) {
  std::string all = open;
  for (std::uint64_t i = 0; i < count; ++i) all += (i > 0 ? ", " : "") + render(reader, object);
  return all + close;
}

std::string render(ValueReader& reader, std::uint64_t& object) {
  const ValueReader::Node node = reader.next();
  switch (node.kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return node.bits != 0 ? "True" : "False";
    case Kind::integer:
      return std::to_string(node.integer());
    case Kind::big_integer:
      return std::string(reader.text(node));
    case Kind::floating:
      return std::to_string(node.floating());
    case Kind::string:
      return quoted(reader.text(node));
    case Kind::bytes:
      return "b" + quoted(reader.text(node));
    case Kind::list:
      return render_children(reader, node.bits, "[", "]", object);
    case Kind::tuple:
      return render_children(reader, node.bits, "(", ")", object);
    case Kind::dict:
      return render_children(reader, 2 * node.bits, "{", "}", object);
    case Kind::set:
      return render_children(reader, node.bits, "set(", ")", object);
    case Kind::object:
      object = node.bits;
      return "<object>";
    case Kind::callable:
      reader.skip();
      return "<callable " + std::to_string(node.bits) + ">";
    case Kind::array:
      reader.array();
      return "<array>";
    default:
      throw std::logic_error("a value that this test doesn't read");
  }
}

Raised read_exception(const wire::Exception& head, ValueReader& texts) {
  Raised raised;
  raised.type = texts.expect_string();
  raised.message = texts.expect_string();
  raised.traceback = texts.expect_string();
  for (std::uint32_t i = 0; i < head.notes(); ++i) raised.notes.emplace_back(texts.expect_string());
  for (std::uint32_t i = 0; i < head.bases(); ++i) raised.bases.emplace_back(texts.expect_string());
  raised.object = head.object();
  raised.host_exception = head.host_exception();
  raised.cause = head.cause();
  raised.context = head.context();
  return raised;
}

}  // namespace

Write integers(std::vector<std::int64_t> values) {
  return [values = std::move(values)](ValueWriter& writer) {
    writer.begin(Kind::list, values.size());
    for (const std::int64_t value : values) writer.integer(value);
  };
}

// ---- Chain

Chain& Chain::text_step(Op op, std::string_view text) {
  steps_.emplace_back(op, 0, 0);
  values_.string(text);
  return *this;
}

Chain& Chain::named_step(Op op, std::string_view text, const std::vector<Named>& named) {
  steps_.emplace_back(op, 0, static_cast<std::uint32_t>(named.size()));
  values_.string(text);
  for (const Named& one : named) {
    values_.string(one.name);
    one.value(values_);
  }
  return *this;
}

Chain& Chain::values_step(Op op, const std::vector<Write>& values, const std::vector<Named>& named) {
  steps_.emplace_back(op, static_cast<std::uint32_t>(values.size()), static_cast<std::uint32_t>(named.size()));
  for (const Write& write : values) write(values_);
  for (const Named& one : named) {
    values_.string(one.name);
    one.value(values_);
  }
  return *this;
}

Chain& Chain::eval(std::string_view code, const std::vector<Named>& named) {
  return named_step(Op::expression, code, named);
}
Chain& Chain::exec(std::string_view code, const std::vector<Named>& named) { return named_step(Op::code, code, named); }

Chain& Chain::value(const Write& value) {
  steps_.emplace_back(Op::value, 0, 0);
  value(values_);
  return *this;
}

Chain& Chain::assign(std::string_view target, const Write& value) {
  text_step(Op::assign, target);
  value(values_);
  return *this;
}

Chain& Chain::call(const std::vector<Write>& positional, const std::vector<Named>& named) {
  return values_step(Op::call, positional, named);
}

Chain& Chain::set_attribute(std::string_view name, const Write& value) {
  text_step(Op::set_attribute, name);
  value(values_);
  return *this;
}

Chain& Chain::set_item(const std::vector<Write>& keys, const Write& value) {
  values_step(Op::set_item, keys, {});
  value(values_);
  return *this;
}

const Raised& Answer::error() const {
  if (raised.empty()) throw std::logic_error("nothing was raised; the answer is " + value);
  return raised.front();
}

// ---- WorkerHost

WorkerHost::WorkerHost(const Config& config, std::shared_ptr<Arena> arena)
    : launched_(launch(config, arena->id())), signal_(interrupt_signal()) {
  const HelloInfo& worker = launched_.hello;
  Session::Options options;
  options.peer_arena = {worker.arena_high, worker.arena_low, worker.pid};
  session_ = Session::make(*this, std::move(launched_.channel), std::move(arena), options);
}

WorkerHost::~WorkerHost() {
  session_->close("the test is over");
  for (std::thread& thread : threads_) thread.join();
  launched_.process.kill(SIGKILL);
  launched_.process.reap(std::chrono::seconds(5));
  session_->ledger().close(true);
}

Answer WorkerHost::read(const Message& message) {
  Answer answer;
  if (const auto* reply = message.as<wire::Reply>()) {
    ValueReader reader(*reply);
    if (!reader.done()) answer.value = render(reader, answer.object);
  } else {
    const auto& failure = *message.as<wire::Failure>();
    ValueReader texts(failure);
    for (const wire::Exception* head : *failure.exceptions()) answer.raised.push_back(read_exception(*head, texts));
  }
  return answer;
}

Answer WorkerHost::ask(const Chain& chain, wire::Want want, bool keep) {
  Session::Call call;
  session_->start(call, chain.steps(), want, keep, chain.values(), Session::Sending::now);
  if (session_->wait(call, std::nullopt) != Session::Outcome::answered) {
    Answer lost;
    lost.closed = true;
    return lost;
  }
  Answer answer = read(call.take_answer());
  if (keep) answer.object = call.id();
  return answer;
}

std::unique_ptr<Session::Call> WorkerHost::start(const Chain& chain, bool keep) {
  auto call = std::make_unique<Session::Call>();
  session_->start(*call, chain.steps(), wire::Want::value, keep, chain.values(), Session::Sending::now);
  return call;
}

Answer WorkerHost::wait(Session::Call& call) {
  if (session_->wait(call, std::nullopt) == Session::Outcome::answered) return read(call.take_answer());
  Answer lost;
  lost.closed = true;
  return lost;
}

std::string WorkerHost::eval(std::string_view code, const std::vector<Named>& named) {
  const Answer answer = ask(Chain().eval(code, named));
  if (answer.closed) throw std::runtime_error("the worker is gone: " + errors());
  if (!answer.raised.empty()) throw std::runtime_error(answer.error().traceback);
  return answer.value;
}

void WorkerHost::exec(std::string_view code, const std::vector<Named>& named) {
  const Answer answer = ask(Chain().exec(code, named), wire::Want::nothing);
  if (answer.closed) throw std::runtime_error("the worker is gone: " + errors());
  if (!answer.raised.empty()) throw std::runtime_error(answer.error().traceback);
}

Raised WorkerHost::fails(const Chain& chain) {
  Answer answer = ask(chain);
  if (answer.closed) throw std::runtime_error("the worker is gone: " + errors());
  return answer.error();
}

Write WorkerHost::callable(std::uint64_t id, Callable function, std::vector<std::string> names) {
  {
    const std::lock_guard lock(mutex_);
    callables_[id] = std::move(function);
  }
  return [this, id, names = std::move(names)](ValueWriter& writer) {
    {
      const std::lock_guard lock(mutex_);
      ++references_[id];
    }
    writer.callable(id);
    if (names.empty()) return writer.none();
    writer.begin(Kind::tuple, names.size());
    for (const std::string& name : names) writer.string(name);
  };
}

std::uint64_t WorkerHost::references(std::uint64_t callable) {
  const std::lock_guard lock(mutex_);
  return static_cast<std::uint64_t>(references_[callable]);
}

Process::Exit WorkerHost::stop() {
  session_->say_bye();
  return launched_.process.reap(std::chrono::seconds(20)).value_or(Process::Exit{});
}

std::string WorkerHost::errors() {
  std::string all = launched_.stderr_text;
  char part[4096];
  pollfd readable{launched_.process.stderr_fd(), POLLIN, 0};
  while (poll(&readable, 1, 200) > 0) {
    const ssize_t got = ::read(readable.fd, part, sizeof part);
    if (got <= 0) break;
    all.append(part, static_cast<std::size_t>(got));
  }
  return launched_.stderr_text = all;
}

std::string WorkerHost::printed() {
  const std::lock_guard lock(mutex_);
  return std::exchange(printed_, {});
}

// ---- Session::Side

void WorkerHost::serve(const wire::Request& request) noexcept {
  ValueReader reader(request);
  const std::uint64_t id = reader.next().bits;  // of the callable, which must be the start
  reader.skip();
  const wire::Step& call = *request.steps()->Get(1);
  Arguments arguments;
  const auto value = [&] {
    std::uint64_t found = 0;
    std::string rendered = render(reader, found);
    if (found != 0) arguments.objects.push_back(found);
    return rendered;
  };
  for (std::uint32_t i = 0; i < call.positional(); ++i) arguments.values.push_back(value());
  for (std::uint32_t i = 0; i < call.named(); ++i) {
    std::string keyword(reader.expect_string());
    arguments.values.push_back(keyword + "=" + value());
  }
  Callable function;
  {
    const std::lock_guard lock(mutex_);
    function = callables_.at(id);
  }
  try {
    ValueWriter result;
    function(arguments, result);
    session_->reply(request.id(), result);
  } catch (const HostThrows& thrown) {
    WireException exception;
    exception.type = thrown.type;
    exception.message = thrown.message;
    exception.object = thrown.object;
    exception.host_exception = thrown.host_exception;
    session_->failure(request.id(), {exception});
  }
}

void WorkerHost::unattended(Message request) {
  auto shared = std::make_shared<Message>(std::move(request));
  threads_.emplace_back([this, shared] { session_->run(std::move(*shared)); });
}

void WorkerHost::released(const wire::Release& release) {
  if (release.callables() == nullptr) return;
  const std::lock_guard lock(mutex_);
  for (const auto* callable : *release.callables()) {
    references_[callable->id()] -= static_cast<std::int64_t>(callable->count());
  }
}

void WorkerHost::print(wire::Stream, std::string_view text) noexcept {
  const std::lock_guard lock(mutex_);
  printed_ += text;
}

}  // namespace py4cpp::test
