// A host without the host library: it starts a real worker and speaks the protocol with it, so that tests see what the
// extension alone does. Values are written by hand and read as text.
#pragma once

#include "launch.hpp"
#include "session.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace py4cpp::test {

using Write = std::function<void(ValueWriter&)>;  // writes one value

inline Write integer(std::int64_t value) {
  return [=](ValueWriter& writer) { writer.integer(value); };
}
inline Write text(std::string value) {
  return [=](ValueWriter& writer) { writer.string(value); };
}
inline Write object(std::uint64_t id) {
  return [=](ValueWriter& writer) { writer.object(id); };
}
Write integers(std::vector<std::int64_t> values);  // a list

struct Named {
  std::string name;
  Write value;
};

// A request being put together: one step after another.
class Chain {
 public:
  Chain& name(std::string_view dotted) { return text_step(wire::Op::name, dotted); }
  Chain& import(std::string_view module) { return text_step(wire::Op::import_module, module); }
  Chain& eval(std::string_view code, const std::vector<Named>& named = {});
  Chain& exec(std::string_view code, const std::vector<Named>& named = {});
  Chain& value(const Write& value);
  Chain& assign(std::string_view target, const Write& value);
  Chain& attribute(std::string_view name) { return text_step(wire::Op::attribute, name); }
  Chain& item(const std::vector<Write>& keys) { return values_step(wire::Op::item, keys, {}); }
  Chain& call(const std::vector<Write>& positional = {}, const std::vector<Named>& named = {});
  Chain& set_attribute(std::string_view name, const Write& value);
  Chain& set_item(const std::vector<Write>& keys, const Write& value);
  Chain& delete_item(const std::vector<Write>& keys) { return values_step(wire::Op::delete_item, keys, {}); }

  const std::vector<wire::Step>& steps() const { return steps_; }
  const ValueWriter& values() const { return values_; }

 private:
  Chain& text_step(wire::Op op, std::string_view text);
  Chain& named_step(wire::Op op, std::string_view text, const std::vector<Named>& named);
  Chain& values_step(wire::Op op, const std::vector<Write>& values, const std::vector<Named>& named);

  std::vector<wire::Step> steps_;
  ValueWriter values_;
};

struct Raised {
  std::string type, message, traceback;
  std::vector<std::string> notes, bases;
  std::uint64_t object = 0, host_exception = 0;
  std::uint32_t cause = 0, context = 0;
};

struct Answer {
  bool closed = false;
  std::string value;           // as Python would write it; "<object>", "<callable 3>"; empty if there is none
  std::uint64_t object = 0;    // the last one in the value
  std::vector<Raised> raised;  // the exception and what it refers to

  const Raised& error() const;  // throws if there is none
};

// What a C++ callable of the test throws: how the host reports it.
struct HostThrows {
  std::string type, message;
  std::uint64_t object = 0, host_exception = 0;
};

class WorkerHost : private Session::Side {
 public:
  // A callable gets its arguments as text ("1", "k='x'") with the ids of objects among them, and writes its result.
  struct Arguments {
    std::vector<std::string> values;
    std::vector<std::uint64_t> objects;
  };
  using Callable = std::function<void(const Arguments&, ValueWriter&)>;

  explicit WorkerHost(const Config& config = {}, std::shared_ptr<Arena> arena = process_arena());
  ~WorkerHost() override;

  Answer ask(const Chain& chain, wire::Want want = wire::Want::value, bool keep = false);
  std::string eval(std::string_view code, const std::vector<Named>& named = {});  // must succeed
  Raised fails(const Chain& chain);                                               // must fail
  void exec(std::string_view code, const std::vector<Named>& named = {});         // must succeed

  // Asking without waiting.
  std::unique_ptr<Session::Call> start(const Chain& chain, bool keep = false);
  Answer wait(Session::Call& call);
  void interrupt(std::uint64_t call) { launched_.process.queue_signal(signal_, call); }

  Write callable(std::uint64_t id, Callable function, std::vector<std::string> names = {});
  std::uint64_t references(std::uint64_t callable);  // that the worker still holds, after what it has said so far
  void release(std::uint64_t object) { session_->release_object(object); }

  void say_bye() { session_->say_bye(); }
  Process::Exit stop();  // says goodbye and waits for the end
  Process& process() { return launched_.process; }
  std::string errors();  // what the worker has written to stderr
  std::string printed();

  const HelloInfo& hello() const { return launched_.hello; }
  std::uint64_t current() const { return session_->current(); }

 private:
  Answer read(const Message& message);

  void serve(const wire::Request& request) noexcept override;
  void unattended(Message request) override;
  void released(const wire::Release& release) override;
  void housekeep() noexcept override {}
  void print(wire::Stream stream, std::string_view text) noexcept override;
  void output_waiting() noexcept override {}
  void discard(const Message&) noexcept override {}
  void attend(std::chrono::microseconds) noexcept override {}
  void closed(const std::string&) noexcept override {}

  Launched launched_;
  const int signal_;
  std::shared_ptr<Session> session_;
  std::mutex mutex_;
  std::map<std::uint64_t, Callable> callables_;
  std::map<std::uint64_t, std::int64_t> references_;
  std::string printed_;
  std::vector<std::thread> threads_;
};

}  // namespace py4cpp::test
