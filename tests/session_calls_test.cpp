// Who runs what, and who gets which answer.
#include "session_fixture.hpp"

namespace py4cpp::test {
namespace {

// Handlers most tests use. `descend` calls back, `depth` times, from side to side; it answers how deep it came, and
// each level must run on the thread that waits for the level above.
void teach(Pair& pair) {
  const auto twice = [](ValueReader& arguments, ValueWriter& result) {
    result.integer(2 * arguments.next().integer());
  };
  pair.host.on("twice", twice);
  pair.worker.on("twice", twice);
  pair.worker.on("fail", [](ValueReader&, ValueWriter&) { throw std::runtime_error("as asked"); });
  for (Endpoint* side : {static_cast<Endpoint*>(&pair.host), static_cast<Endpoint*>(&pair.worker)}) {
    side->on("descend", [side](ValueReader& arguments, ValueWriter& result) {
      const std::int64_t depth = arguments.next().integer();
      result.integer(depth == 0 ? 0 : 1 + side->ask("descend", {depth - 1}));
    });
  }
}

TEST(SessionCalls, AreAnsweredOneByOne) {
  Pair pair;
  teach(pair);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(pair.host.ask("twice", {i}), 2 * i);
  EXPECT_EQ(pair.worker.served, 500u);
  EXPECT_EQ(pair.host.session->calls_started(), 500u);
}

TEST(SessionCalls, AreAnsweredWhileSpinning) {
  Pair pair({.spin = 20us});
  teach(pair);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(pair.host.ask("twice", {i}), 2 * i);
}

TEST(SessionCalls, CarryFailures) {
  Pair pair;
  teach(pair);
  EXPECT_THROW(pair.host.ask("fail"), std::runtime_error);
  EXPECT_EQ(pair.host.ask("twice", {4}), 8);
}

TEST(SessionCalls, EachThreadGetsItsOwnAnswers) {
  Pair pair({.seed = 11});
  teach(pair);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) wrong += pair.host.ask("twice", {1000 * t + i}) != 2 * (1000 * t + i);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(SessionCalls, AsynchronousOnesRunInTheOrderGiven) {
  Pair pair({.seed = 12});
  std::vector<std::int64_t> seen;
  pair.worker.on("see", [&](ValueReader& arguments, ValueWriter&) { seen.push_back(arguments.next().integer()); });
  std::vector<std::unique_ptr<TestCall>> calls;
  for (int i = 0; i < 1000; ++i) {
    calls.push_back(std::make_unique<TestCall>());
    pair.host.start(*calls.back(), "see", {i}, Session::Sending::batched);
  }
  for (auto& call : calls) {
    EXPECT_EQ(pair.host.session->wait(*call, std::nullopt), Session::Outcome::answered);
    EXPECT_EQ(call->settlements, 1);
  }
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(SessionCalls, AsynchronousOnesAreSentAndAnsweredThoughNobodyWaits) {
  Pair pair({.seed = 13});
  teach(pair);
  std::vector<std::unique_ptr<TestCall>> calls;
  for (int i = 0; i < 50; ++i) {
    calls.push_back(std::make_unique<TestCall>());
    pair.host.start(*calls.back(), "twice", {i}, Session::Sending::batched);
  }
  for (auto& call : calls) eventually([&] { return pair.host.session->answered(*call); });
}

TEST(SessionCalls, NestToAnyDepth) {
  Pair pair;
  teach(pair);
  EXPECT_EQ(pair.host.ask("descend", {64}), 64);
  EXPECT_EQ(pair.host.unattended_requests, 0u);  // all of it ran on the threads that waited
}

TEST(SessionCalls, NestFromManyThreads) {
  Pair pair({.seed = 14});
  teach(pair);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) EXPECT_EQ(pair.host.ask("descend", {16}), 16);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pair.host.unattended_requests, 0u);
}

TEST(SessionCalls, CallbacksRunOnTheThreadThatWaits) {
  Pair pair({.seed = 15});
  std::atomic<int> elsewhere{0};
  pair.host.on("where", [&](ValueReader& arguments, ValueWriter&) {
    const auto asker = static_cast<std::size_t>(arguments.next().integer());
    elsewhere += std::hash<std::thread::id>()(std::this_thread::get_id()) != asker;
  });
  pair.worker.on("call back", [&](ValueReader& arguments, ValueWriter& result) {
    pair.worker.ask("where", {arguments.next().integer()});
    result.integer(0);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      const auto self = static_cast<std::int64_t>(std::hash<std::thread::id>()(std::this_thread::get_id()));
      for (int i = 0; i < 50; ++i) pair.host.ask("call back", {self});
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(elsewhere, 0);
}

TEST(SessionCalls, CallbacksOfTheWorkersOwnThreadsAreUnattended) {
  Pair pair({.seed = 16});
  teach(pair);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const Worker::Interpreter held(pair.worker);
      for (int i = 0; i < 25; ++i) EXPECT_EQ(pair.worker.ask("twice", {i}), 2 * i);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pair.host.unattended_requests, 100u);
}

TEST(SessionCalls, WhatAnUnattendedCallbackAsksRunsOnTheWorkersThreadThatWaitsForIt) {
  Pair pair({.seed = 17});
  teach(pair);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const Worker::Interpreter held(pair.worker);
      for (int i = 0; i < 10; ++i) EXPECT_EQ(pair.worker.ask("descend", {9}), 9);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pair.host.unattended_requests, 40u);
}

TEST(SessionCalls, CallbacksUnderACallThatNobodyWaitsForAreUnattended) {
  Pair pair;
  teach(pair);
  TestCall call;
  pair.host.start(call, "descend", {1}, Session::Sending::batched);
  eventually([&] { return pair.host.session->answered(call); });
  EXPECT_EQ(pair.host.unattended_requests, 1u);
}

// Whoever reads may see what is asked under a call before the thread that started the call waits for it. When that
// thread is the server, the server's inbox is where nobody would ever look for it.
TEST(SessionCalls, WhatIsAskedBeforeTheServerWaitsRunsWhenItWaits) {
  Pair pair;
  teach(pair);
  std::atomic<bool> called{false};
  pair.host.on("call the server", [&](ValueReader&, ValueWriter& result) {
    called = true;
    result.integer(pair.host.ask("twice", {21}));
  });
  pair.host.on("wait", [&](ValueReader&, ValueWriter& result) {
    eventually([&] { return called.load(); });
    std::this_thread::sleep_for(5ms);
    result.integer(0);
  });
  std::atomic<bool> reading{false};
  std::thread reader([&] {  // of the worker's threads, reads all the while
    const Worker::Interpreter held(pair.worker);
    reading = true;
    pair.worker.ask("wait");
  });
  pair.worker.on("late", [&](ValueReader&, ValueWriter& result) {
    TestCall call;
    pair.worker.suspend();
    eventually([&] { return pair.worker.session->led_by_thread(); });
    pair.worker.start(call, "call the server");
    eventually([&] { return called.load(); });
    std::this_thread::sleep_for(10ms);
    pair.worker.resume();
    result.integer(pair.worker.finish(call));
  });
  eventually([&] { return reading.load(); });
  EXPECT_EQ(pair.host.ask("late"), 42);
  reader.join();
}

TEST(SessionCalls, SeveralThreadsMayWaitForOne) {
  Pair pair({.seed = 18});
  std::atomic<int> callbacks{0};
  pair.host.on("count", [&](ValueReader&, ValueWriter&) { ++callbacks; });
  pair.worker.on("slow", [&](ValueReader&, ValueWriter& result) {
    for (int i = 0; i < 20; ++i) {
      TestCall call;
      pair.worker.start(call, "count");
      EXPECT_EQ(pair.worker.session->wait(call, std::nullopt), Session::Outcome::answered);
    }
    result.integer(7);
  });
  for (int round = 0; round < 20; ++round) {
    const auto call = std::make_shared<TestCall>();
    pair.host.start(*call, "slow");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back(
          [&pair, call] { EXPECT_EQ(pair.host.session->wait(*call, std::nullopt), Session::Outcome::answered); });
    }
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(callbacks, 400);
}

TEST(SessionCalls, WhatWasAskedUnderACallRunsBeforeItIsAnswered) {
  Pair pair({.seed = 19});
  std::vector<std::unique_ptr<TestCall>> callbacks;
  int run = 0;
  pair.host.on("count", [&](ValueReader&, ValueWriter&) { ++run; });
  pair.worker.on("ask, don't wait", [&](ValueReader&, ValueWriter& result) {
    for (int i = 0; i < 3; ++i) {
      callbacks.push_back(std::make_unique<TestCall>());
      pair.worker.start(*callbacks.back(), "count", {}, Session::Sending::batched);
    }
    result.integer(0);
  });
  for (int i = 1; i <= 100; ++i) {
    pair.host.ask("ask, don't wait");
    EXPECT_EQ(run, 3 * i);
  }
  for (auto& callback : callbacks) eventually([&] { return pair.worker.session->answered(*callback); });
}

TEST(SessionCalls, TheOldestIsTheOneThatRuns) {
  Pair pair;
  std::atomic<bool> go{false};
  pair.worker.on("wait", [&](ValueReader&, ValueWriter& result) {
    eventually([&] { return go.load(); });
    result.integer(0);
  });
  EXPECT_EQ(pair.host.session->oldest_call(), 0u);
  TestCall first, second;
  pair.host.start(first, "wait");
  pair.host.start(second, "wait");
  EXPECT_EQ(pair.host.session->oldest_call(), first.id());
  go = true;
  pair.host.finish(second);
  EXPECT_EQ(pair.host.session->oldest_call(), 0u);
}

}  // namespace
}  // namespace py4cpp::test
