// Output: in order, one thread at a time, ahead of what came after it.
#include <algorithm>

#include "session_fixture.hpp"

namespace py4cpp::test {
namespace {

class SessionOutput : public ::testing::Test {
 protected:
  SessionOutput() : pair_({.seed = 31}) {
    pair_.host.on_print = [this](std::string_view text) { note(text); };
    const auto twice = [](ValueReader& arguments, ValueWriter& result) {
      result.integer(2 * arguments.next().integer());
    };
    pair_.host.on("twice", twice);
    pair_.worker.on("twice", twice);
    // Prints its argument's text and answers nothing.
    pair_.worker.on("print", [this](ValueReader& arguments, ValueWriter&) { print(arguments.next().integer()); });
  }

  void print(std::int64_t number) { pair_.worker.session->print(wire::Stream::out, std::to_string(number)); }

  void note(std::string_view text) {
    EXPECT_FALSE(printing_.exchange(true)) << "two threads print";
    const std::int64_t number = std::stoll(std::string(text));
    {
      const std::lock_guard lock(mutex_);
      printed_.push_back(number);
    }
    printing_ = false;
  }

  bool was_printed(std::int64_t number) {
    const std::lock_guard lock(mutex_);
    return std::find(printed_.begin(), printed_.end(), number) != printed_.end();
  }

  std::atomic<bool> printing_{false};
  std::mutex mutex_;
  std::vector<std::int64_t> printed_;
  Pair pair_;
};

TEST_F(SessionOutput, ComesBeforeTheAnswer) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        TestCall call;
        pair_.host.start(call, "print", {100 * t + i});
        pair_.host.session->wait(call, std::nullopt);
        EXPECT_TRUE(was_printed(100 * t + i));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(printed_.size(), 300u);
}

TEST_F(SessionOutput, KeepsItsOrder) {
  pair_.worker.on("print many", [&](ValueReader&, ValueWriter&) {
    for (int i = 0; i < 2000; ++i) print(i);
  });
  TestCall call;
  pair_.host.start(call, "print many");
  pair_.host.session->wait(call, std::nullopt);
  ASSERT_EQ(printed_.size(), 2000u);
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(printed_[static_cast<std::size_t>(i)], i);
}

TEST_F(SessionOutput, ComesBeforeTheCallback) {
  std::atomic<int> missing{0};
  pair_.host.on("printed?",
                [&](ValueReader& arguments, ValueWriter&) { missing += !was_printed(arguments.next().integer()); });
  pair_.worker.on("print, call back", [&](ValueReader& arguments, ValueWriter& result) {
    const std::int64_t number = arguments.next().integer();
    print(number);
    TestCall call;
    pair_.worker.start(call, "printed?", {number});
    pair_.worker.session->wait(call, std::nullopt);
    result.integer(0);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) pair_.host.ask("print, call back", {100 * t + i});
    });
  }
  threads.emplace_back([&] {  // and when nobody waits for the callback
    const Worker::Interpreter held(pair_.worker);
    for (int i = 0; i < 50; ++i) {
      print(1000 + i);
      TestCall call;
      pair_.worker.start(call, "printed?", {1000 + i});
      pair_.worker.session->wait(call, std::nullopt);
    }
  });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(missing, 0);
}

TEST_F(SessionOutput, IsPrintedThoughNobodyWaits) {
  const Worker::Interpreter held(pair_.worker);
  for (int i = 0; i < 100; ++i) {
    print(i);
    eventually([&] { return was_printed(i); });
  }
}

// The handler's own calls wait for the worker, which may wait for a callback of another thread of ours, which would
// wait for the handler.
TEST_F(SessionOutput, ItsHandlerMayMakeCalls) {
  std::atomic<int> calls{0};
  pair_.host.on_print = [&](std::string_view text) {
    const std::int64_t number = std::stoll(std::string(text));
    EXPECT_EQ(pair_.host.ask("twice", {number}), 2 * number);
    ++calls;
  };
  pair_.worker.on("print, call back", [&](ValueReader& arguments, ValueWriter& result) {
    const std::int64_t number = arguments.next().integer();
    print(number);
    result.integer(pair_.worker.ask("twice", {number}));
    print(number);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 30; ++i) EXPECT_EQ(pair_.host.ask("print, call back", {i}), 2 * i);
    });
  }
  for (auto& thread : threads) thread.join();
  eventually([&] { return calls == 6 * 30 * 2; });
}

TEST_F(SessionOutput, OfAWorkerThatEndsIsPrintedBeforeTheCallFails) {
  pair_.worker.on("print and end", [&](ValueReader&, ValueWriter&) {
    for (int i = 0; i < 20; ++i) print(i);
    pair_.worker.session->close("on purpose");
    pair_.host.session->close("as if it had ended");  // what arrived by now counts
  });
  TestCall call;
  pair_.host.start(call, "print and end");
  EXPECT_EQ(pair_.host.session->wait(call, std::nullopt), Session::Outcome::closed);
  for (std::size_t i = 0; i < printed_.size(); ++i) EXPECT_EQ(printed_[i], static_cast<std::int64_t>(i));
}

// A thread that prints has an answer of its own to return with.
TEST_F(SessionOutput, AFloodDoesNotKeepTheOneThatPrints) {
  std::atomic<bool> stop{false};
  std::thread flood([&] {
    const Worker::Interpreter held(pair_.worker);
    for (std::int64_t i = 0; !stop; ++i) {
      print(i);
      if (i % 16 == 0) {  // as Python does now and then
        pair_.worker.suspend();
        std::this_thread::sleep_for(200us);
        pair_.worker.resume();
      }
    }
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pair_.host.ask("twice", {i}), 2 * i);  // behind thousands of lines each
  stop = true;
  flood.join();
}

}  // namespace
}  // namespace py4cpp::test
