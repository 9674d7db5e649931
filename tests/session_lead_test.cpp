// Who reads the channel, and that somebody always does.
#include "session_fixture.hpp"

namespace py4cpp::test {
namespace {

void teach(Pair& pair) {
  const auto twice = [](ValueReader& arguments, ValueWriter& result) {
    result.integer(2 * arguments.next().integer());
  };
  pair.host.on("twice", twice);
  pair.worker.on("twice", twice);
}

// Two threads of the host wait; one of them, which may lead, gets a callback that takes until the other one has been
// answered. So the other one must read by then. No service thread helps.
TEST(SessionLead, PassesOnBeforeUserCodeRuns) {
  Pair pair({.seed = 41, .host_leads = false});
  std::atomic<int> asking{0}, in_callback{0}, answered{0};
  const auto let_run = [&](auto condition) {  // on a thread of the worker
    pair.worker.suspend();
    eventually(condition);
    pair.worker.resume();
  };
  pair.host.on("until the other is answered", [&](ValueReader& arguments, ValueWriter& result) {
    const std::int64_t round = arguments.next().integer();
    in_callback = static_cast<int>(round);
    eventually([&] { return answered >= round; });
    result.integer(0);
  });
  pair.worker.on("call back", [&](ValueReader& arguments, ValueWriter& result) {
    const std::int64_t round = arguments.next().integer();
    let_run([&] { return asking >= round; });
    result.integer(pair.worker.ask("until the other is answered", {round}));
  });
  pair.host.on("ask", [&](ValueReader& arguments, ValueWriter& result) {
    const std::int64_t round = arguments.next().integer();
    asking = static_cast<int>(round);
    result.integer(pair.host.ask("answer in the callback", {round}));
    answered = static_cast<int>(round);
  });
  pair.worker.on("answer in the callback", [&](ValueReader& arguments, ValueWriter& result) {
    const std::int64_t round = arguments.next().integer();
    let_run([&] { return in_callback >= round; });
    result.integer(0);
  });
  constexpr int rounds = 40;
  std::thread other([&] {  // asks the host; what the host asks in turn runs here too
    const Worker::Interpreter held(pair.worker);
    for (int i = 1; i <= rounds; ++i) pair.worker.ask("ask", {i});
  });
  for (int i = 1; i <= rounds; ++i) pair.host.ask("call back", {i});
  other.join();
}

TEST(SessionLead, IsNotKeptInACallback) {
  Pair pair({.host_leads = false});
  pair.host.on("led?", [&](ValueReader&, ValueWriter& result) { result.integer(pair.host.session->led_by_thread()); });
  pair.worker.on("call back", [&](ValueReader&, ValueWriter& result) { result.integer(pair.worker.ask("led?")); });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(pair.host.ask("call back"), 0);
}

TEST(SessionLead, IsNotKeptInAnOutputHandler) {
  Pair pair({.host_leads = false});
  std::atomic<int> led{0}, printed{0};
  pair.host.on_print = [&](std::string_view) {
    led += pair.host.session->led_by_thread();
    ++printed;
  };
  pair.worker.on("print", [&](ValueReader&, ValueWriter& result) {
    pair.worker.session->print(wire::Stream::out, "text");
    result.integer(0);
  });
  for (int i = 0; i < 20; ++i) pair.host.ask("print");
  EXPECT_EQ(led, 0);
  EXPECT_EQ(printed, 20);
}

TEST(SessionLead, IsTakenFromTheServiceThreadAndGivenBack) {
  Pair pair({.seed = 42});
  teach(pair);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 60; ++i) {
        EXPECT_EQ(pair.host.ask("twice", {i}), 2 * i);
        if (i % (3 + t) == 0) std::this_thread::sleep_for(300us);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  TestCall call;
  pair.host.start(call, "twice", {3}, Session::Sending::batched);
  eventually([&] { return pair.host.session->answered(call); });
}

TEST(SessionLead, TheServiceThreadDoesNotGetWhileOthersWait) {
  Pair pair({.host_leads = false});
  std::atomic<bool> go{false};
  pair.worker.on("hang", [&](ValueReader&, ValueWriter& result) {
    eventually([&] { return go.load(); });
    result.integer(0);
  });
  EXPECT_TRUE(pair.host.session->lead_idle());
  std::thread thread([&] { pair.host.ask("hang"); });
  eventually([&] { return pair.host.session->led_by_thread(); });
  EXPECT_FALSE(pair.host.session->pump_idle());
  EXPECT_FALSE(pair.host.session->lead_idle());
  go = true;
  thread.join();
  EXPECT_FALSE(pair.host.session->led_by_thread());
  EXPECT_TRUE(pair.host.session->lead_idle());
}

TEST(SessionLead, ManyWaitersNoServiceThread) {
  Pair pair({.seed = 43, .host_leads = false});
  teach(pair);
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 60; ++i) EXPECT_EQ(pair.host.ask("twice", {i}), 2 * i);
    });
  }
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const Worker::Interpreter held(pair.worker);
      for (int i = 0; i < 30; ++i) {
        try {
          EXPECT_EQ(pair.worker.ask("twice", {i}, Session::Clock::now() + 200ms), 2 * i);
        } catch (const TimedOut&) {  // no thread of the host waits any more
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace py4cpp::test
