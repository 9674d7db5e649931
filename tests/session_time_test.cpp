// Deadlines, and calls that are given up.
#include <utility>

#include "session_fixture.hpp"

namespace py4cpp::test {
namespace {

Session::Deadline in(std::chrono::microseconds time) { return Session::Clock::now() + time; }

class SessionTime : public ::testing::Test {
 protected:
  SessionTime() : pair_({.seed = 21}) {
    pair_.worker.on("hang", [this](ValueReader&, ValueWriter& result) {
      eventually([&] { return go_.load(); });
      result.integer(1);
    });
    pair_.worker.on("hang and fail", [this](ValueReader&, ValueWriter&) {
      eventually([&] { return go_.load(); });
      throw std::runtime_error("late");
    });
    const auto twice = [](ValueReader& arguments, ValueWriter& result) {
      result.integer(2 * arguments.next().integer());
    };
    pair_.worker.on("twice", twice);
    pair_.host.on("twice", twice);
  }
  ~SessionTime() override { go_ = true; }

  std::atomic<bool> go_{false};
  Pair pair_;
};

TEST_F(SessionTime, ACallThatIsLateIsGivenUpAndItsAnswerDiscarded) {
  EXPECT_THROW(pair_.host.ask("hang", {}, in(5ms)), TimedOut);
  EXPECT_EQ(pair_.host.discarded, 0u);
  go_ = true;
  EXPECT_EQ(pair_.host.ask("twice", {2}), 4);
  EXPECT_EQ(pair_.host.discarded, 1u);
}

// Not only when the thread that reads has something of its own to do.
TEST_F(SessionTime, ALateAnswerIsDiscardedWhenItArrives) {
  pair_.host.on("hang", [&](ValueReader&, ValueWriter& result) {
    eventually([&] { return go_.load(); });
    result.integer(1);
  });
  {
    const Worker::Interpreter held(pair_.worker);
    TestCall call;
    pair_.worker.start(call, "hang");
    EXPECT_EQ(pair_.worker.session->wait(call, in(2ms)), Session::Outcome::timed_out);
    EXPECT_TRUE(pair_.worker.session->abandon(call));
  }
  go_ = true;
  eventually([&] { return pair_.worker.discarded == 1; });  // the server waits for requests; none comes
}

TEST_F(SessionTime, WaitingAgainIsAllowed) {
  TestCall call;
  pair_.host.start(call, "hang");
  EXPECT_EQ(pair_.host.session->wait(call, in(2ms)), Session::Outcome::timed_out);
  EXPECT_EQ(pair_.host.session->wait(call, in(-1s)), Session::Outcome::timed_out);
  EXPECT_FALSE(pair_.host.session->answered(call));
  go_ = true;
  EXPECT_EQ(pair_.host.session->wait(call, std::nullopt), Session::Outcome::answered);
  EXPECT_EQ(pair_.host.session->wait(call, in(-1s)), Session::Outcome::answered);
}

TEST_F(SessionTime, WhatWasKeptForACallGivenUpIsReleased) {
  for (const char* what : {"hang", "hang and fail"}) {
    const auto before = pair_.worker.objects_released.load();
    go_ = false;
    TestCall call;
    pair_.host.start(call, what, {}, Session::Sending::now, /*keep=*/true);
    EXPECT_EQ(pair_.host.session->wait(call, in(2ms)), Session::Outcome::timed_out);
    pair_.host.session->abandon(call);
    go_ = true;
    eventually([&] { return pair_.worker.objects_released == before + 1; });
  }
}

TEST_F(SessionTime, GivingUpWhatIsAnsweredDoesNothing) {
  TestCall call;
  pair_.host.start(call, "twice", {1}, Session::Sending::now, /*keep=*/true);
  EXPECT_EQ(pair_.host.session->wait(call, std::nullopt), Session::Outcome::answered);
  pair_.host.session->abandon(call);
  EXPECT_FALSE(call.take_answer().empty());
  pair_.host.ask("twice", {1});
  EXPECT_EQ(pair_.worker.objects_released, 0u);
}

TEST_F(SessionTime, WhoeverWaitsForACallGivenUpReturns) {
  TestCall call;
  pair_.host.start(call, "hang");
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] { EXPECT_EQ(pair_.host.session->wait(call, std::nullopt), Session::Outcome::timed_out); });
  }
  std::this_thread::sleep_for(5ms);
  pair_.host.session->abandon(call);
  for (auto& thread : threads) thread.join();
}

// The other side goes on calling back after the deadline; it gets its answers from other threads.
TEST_F(SessionTime, CallbacksOfACallThatIsLateRunElsewhere) {
  std::atomic<int> answered{0};
  pair_.worker.on("call back, call back", [&](ValueReader&, ValueWriter& result) {
    for (int i = 0; i < 20; ++i) answered += pair_.worker.ask("twice", {i}) == 2 * i;
    result.integer(0);
  });
  int rounds = 0;
  for (; rounds < 100; ++rounds) {
    try {
      pair_.host.ask("call back, call back", {}, in(std::chrono::microseconds(rounds * 7)));
    } catch (const TimedOut&) {
    }
  }
  pair_.host.ask("twice", {0});
  EXPECT_EQ(answered, 20 * rounds);
}

// The same on the worker's side, where elsewhere is the server.
TEST_F(SessionTime, RequestsUnderACallbackThatIsLateRunOnTheServer) {
  std::atomic<int> answered{0};
  std::atomic<bool> busy{true};
  pair_.host.on("ask, ask", [&](ValueReader&, ValueWriter& result) {
    for (int i = 0; i < 5; ++i) answered += pair_.host.ask("twice", {i}) == 2 * i;
    result.integer(0);
  });
  int rounds = 0;
  std::thread other([&] {
    const Worker::Interpreter held(pair_.worker);
    for (; rounds < 60; ++rounds) {
      try {
        pair_.worker.ask("ask, ask", {}, in(std::chrono::microseconds(rounds * 13)));
      } catch (const TimedOut&) {
      }
    }
    busy = false;
  });
  while (busy) EXPECT_EQ(pair_.host.ask("twice", {3}), 6);
  other.join();
  eventually([&] { return answered == 5 * rounds; });
}

TEST_F(SessionTime, AFloodOfCallbacksDoesNotHoldUpTheDeadline) {
  std::atomic<bool> stop{false};
  std::vector<std::unique_ptr<TestCall>> callbacks;
  pair_.worker.on("flood", [&](ValueReader&, ValueWriter& result) {
    while (!stop) {
      callbacks.push_back(std::make_unique<TestCall>());
      pair_.worker.start(*callbacks.back(), "twice", {1}, Session::Sending::now);
      if (callbacks.size() % 64 != 0) continue;
      pair_.worker.session->wait(*callbacks.back(), std::nullopt);
    }
    result.integer(0);
  });
  EXPECT_THROW(pair_.host.ask("flood", {}, in(20ms)), TimedOut);
  stop = true;
  pair_.host.ask("twice", {0});
  for (auto& callback : callbacks) eventually([&] { return pair_.worker.session->answered(*callback); });
}

// Nobody else reads.
TEST(SessionPolling, SeesWhatHasArrived) {
  Pair pair({.seed = 22, .host_leads = false});
  pair.worker.on("three", [](ValueReader&, ValueWriter& result) { result.integer(3); });
  for (int i = 0; i < 20; ++i) {
    TestCall call;
    pair.host.start(call, "three");
    while (pair.host.session->wait(call, Session::Clock::now()) == Session::Outcome::timed_out) {
      std::this_thread::sleep_for(50us);
    }
    EXPECT_EQ(pair.host.finish(call), 3);
  }
}

TEST_F(SessionTime, ManyThreadsWithDeadlinesGetTheirOwnAnswersOrNone) {
  go_ = true;
  std::atomic<int> answered{0}, late{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        try {
          EXPECT_EQ(pair_.host.ask("twice", {100 * t + i}, in(std::chrono::microseconds(i * 20))), 2 * (100 * t + i));
          ++answered;
        } catch (const TimedOut&) {
          ++late;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered + late, 800);
  pair_.host.ask("twice", {0});
  EXPECT_LE(pair_.host.discarded.load(), static_cast<std::uint64_t>(late));
}

}  // namespace
}  // namespace py4cpp::test
