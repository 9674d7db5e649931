// Calls with many answers, and threads that wait for something other than a call.
#include "session_fixture.hpp"

namespace py4cpp::test {
namespace {

struct Stream : Session::Call {
  Stream() : Call(Answers::many) {}
};

ValueWriter integer(std::int64_t value) {
  ValueWriter values;
  values.integer(value);
  return values;
}

struct Taken {
  std::vector<std::int64_t> values;
  bool failed = false;
};

// Every answer of a call, until the last.
Taken take_all(Session& session, Session::Call& call) {
  Taken taken;
  for (;;) {
    if (session.wait(call, std::nullopt) != Session::Outcome::answered) break;
    const Message answer = session.next_answer(call);
    const auto* reply = answer.as<wire::Reply>();
    taken.failed = reply == nullptr;
    if (reply == nullptr) break;
    taken.values.push_back(ValueReader(*reply).next().integer());
    if (!reply->more()) break;
  }
  return taken;
}

std::vector<std::int64_t> count_to(std::int64_t last) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 1; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

// "count" on the host: answers 1, 2, 3 ... up to its argument, the last one by returning.
void teach_counting(Pair& pair) {
  pair.host.on("count", [&](ValueReader& arguments, ValueWriter& result) {
    const std::int64_t last = arguments.next().integer();
    for (std::int64_t i = 1; i < last; ++i) {
      pair.host.session->reply(pair.host.session->current(), integer(i), true);
      if (i % 7 == 0) pair.host.session->service();
    }
    result.integer(last);
  });
}

TEST(SessionStream, EveryAnswerComesInOrder) {
  for (const unsigned seed : {0u, 51u, 52u}) {
    Pair pair({.seed = seed, .relayed = seed != 0});
    teach_counting(pair);
    const Worker::Interpreter held(pair.worker);
    for (const std::int64_t last : {1, 2, 300}) {
      Stream call;
      pair.worker.start(call, "count", {last});
      EXPECT_EQ(take_all(*pair.worker.session, call).values, count_to(last));
      EXPECT_TRUE(pair.worker.session->next_answer(call).empty());
    }
  }
}

TEST(SessionStream, TwoAtOnceAndOtherCallsBetween) {
  Pair pair({.seed = 53});
  teach_counting(pair);
  const Worker::Interpreter held(pair.worker);
  Stream one, two;
  pair.worker.start(one, "count", {100});
  pair.worker.start(two, "count", {200});
  EXPECT_EQ(pair.worker.ask("count", {1}), 1);
  EXPECT_EQ(take_all(*pair.worker.session, two).values, count_to(200));
  EXPECT_EQ(take_all(*pair.worker.session, one).values, count_to(100));
}

TEST(SessionStream, AFailureTakesThePlaceOfWhatWasNotTaken) {
  Pair pair;
  std::atomic<bool> go_on{false};
  pair.host.on("fail", [&](ValueReader&, ValueWriter&) {
    for (std::int64_t i = 1; i <= 3; ++i) pair.host.session->reply(pair.host.session->current(), integer(i), true);
    pair.host.session->service();
    eventually([&] { return go_on.load(); });
    throw std::runtime_error("no more");
  });
  teach_counting(pair);
  const Worker::Interpreter held(pair.worker);
  Stream call;
  pair.worker.start(call, "fail");
  EXPECT_EQ(pair.worker.session->wait(call, std::nullopt), Session::Outcome::answered);
  EXPECT_EQ(ValueReader(*pair.worker.session->next_answer(call).as<wire::Reply>()).next().integer(), 1);
  go_on = true;
  while (pair.worker.discarded < 2) EXPECT_EQ(pair.worker.ask("count", {1}), 1);
  const Taken taken = take_all(*pair.worker.session, call);
  EXPECT_EQ(taken.values, std::vector<std::int64_t>());
  EXPECT_TRUE(taken.failed);
}

TEST(SessionStream, WaitingForTheNextEndsWithItsTime) {
  Pair pair;
  std::atomic<bool> go_on{false};
  pair.host.on("later", [&](ValueReader&, ValueWriter& result) {
    const std::uint64_t current = pair.host.session->current();
    pair.host.session->reply(current, integer(1), true);
    pair.host.session->service();
    eventually([&] { return go_on.load(); });
    result.integer(2);
  });
  const Worker::Interpreter held(pair.worker);
  Stream call;
  EXPECT_TRUE(pair.worker.session->next_answer(call).empty());
  pair.worker.start(call, "later");
  EXPECT_EQ(pair.worker.session->wait(call, std::nullopt), Session::Outcome::answered);
  EXPECT_FALSE(pair.worker.session->next_answer(call).empty());
  const auto soon = Session::Clock::now() + 5ms;
  EXPECT_EQ(pair.worker.session->wait(call, soon), Session::Outcome::timed_out);
  EXPECT_FALSE(pair.worker.session->answered(call));
  go_on = true;
  EXPECT_EQ(take_all(*pair.worker.session, call).values, std::vector<std::int64_t>{2});
}

TEST(SessionStream, WhatIsAbandonedIsDiscardedToItsEnd) {
  Pair pair;
  std::atomic<bool> go_on{false};
  pair.host.on("count slowly", [&](ValueReader&, ValueWriter& result) {
    for (std::int64_t i = 1; i < 5; ++i) {
      pair.host.session->reply(pair.host.session->current(), integer(i), true);
      pair.host.session->service();
      if (i == 2) eventually([&] { return go_on.load(); });
    }
    result.integer(5);
  });
  teach_counting(pair);
  const Worker::Interpreter held(pair.worker);
  Stream call;
  pair.worker.start(call, "count slowly");
  EXPECT_EQ(pair.worker.session->wait(call, std::nullopt), Session::Outcome::answered);
  EXPECT_TRUE(pair.worker.session->abandon(call));
  std::uint64_t taken = 0;  // what had arrived is still there
  while (!pair.worker.session->next_answer(call).empty()) ++taken;
  EXPECT_GE(taken, 1u);
  go_on = true;
  while (taken + pair.worker.discarded < 5) EXPECT_EQ(pair.worker.ask("count", {1}), 1);
  EXPECT_EQ(taken + pair.worker.discarded, 5u);
}

TEST(SessionStream, WhatHasArrivedOutlivesTheSession) {
  Pair pair;
  std::atomic<bool> sent{false}, ended{false};
  pair.host.on("two of three", [&](ValueReader&, ValueWriter&) {
    for (std::int64_t i = 1; i < 3; ++i) pair.host.session->reply(pair.host.session->current(), integer(i), true);
    pair.host.session->service();
    sent = true;
    eventually([&] { return ended.load(); });
  });
  teach_counting(pair);
  const Worker::Interpreter held(pair.worker);
  Stream call;
  pair.worker.start(call, "two of three");
  EXPECT_EQ(pair.worker.session->wait(call, std::nullopt), Session::Outcome::answered);
  eventually([&] { return sent.load(); });
  while (pair.worker.ask("count", {1}) != 1) continue;  // behind both
  pair.worker.session->close("the test");
  ended = true;
  EXPECT_EQ(take_all(*pair.worker.session, call).values, count_to(2));
  EXPECT_EQ(pair.worker.session->wait(call, std::nullopt), Session::Outcome::closed);
}

// What was released is said when the next answer is waited for, since it may depend on it.
TEST(SessionStream, WaitingSendsWhatWasReleased) {
  Pair pair;
  pair.host.on("one at a time", [&](ValueReader&, ValueWriter& result) {
    for (std::int64_t i = 1; i <= 20; ++i) {
      pair.host.session->reply(pair.host.session->current(), integer(i), true);
      pair.host.session->service();
      std::atomic<bool> never{false};
      while (pair.host.objects_released < static_cast<std::uint64_t>(i)) {
        pair.host.session->wait(never, Session::Clock::now() + 1ms);
      }
    }
    result.integer(21);
  });
  const Worker::Interpreter held(pair.worker);
  Stream call;
  pair.worker.start(call, "one at a time");
  for (std::int64_t i = 1; i <= 20; ++i) {
    EXPECT_EQ(pair.worker.session->wait(call, std::nullopt), Session::Outcome::answered);
    pair.worker.session->next_answer(call);
    pair.worker.session->release_object(static_cast<std::uint64_t>(i));
  }
  EXPECT_EQ(take_all(*pair.worker.session, call).values, std::vector<std::int64_t>{21});
}

// ---- waiting for a flag

TEST(SessionStop, AThreadThatSetsItWakesTheOthers) {
  for (const unsigned seed : {0u, 54u}) {
    Pair pair({.seed = seed});
    teach_counting(pair);
    std::vector<std::atomic<bool>> flags(4);
    std::vector<std::thread> threads;
    for (auto& flag : flags) {
      threads.emplace_back([&] { EXPECT_TRUE(pair.host.session->wait(flag, std::nullopt)); });
    }
    for (auto& flag : flags) {
      std::this_thread::sleep_for(1ms);
      flag = true;
      pair.host.session->nudge();
    }
    for (auto& thread : threads) thread.join();
  }
}

// The thread that reads sets it, with the session's lock held, for itself and for others that sleep.
TEST(SessionStop, WhatArrivesSetsIt) {
  for (const unsigned seed : {0u, 55u, 56u}) {
    Pair pair({.seed = seed});
    struct Slot {
      std::atomic<bool> look{false};
      Pair* pair = nullptr;
    };
    std::vector<Slot> slots(3);
    std::vector<std::thread> threads;
    const auto block = pair.host.arena->allocate(4096);
    pair.worker.on("take", [&](ValueReader& arguments, ValueWriter&) {
      static_cast<void>(pair.worker.session->ledger().borrow(arguments.array().block));  // and lets it go
    });
    for (auto& slot : slots) {
      slot.pair = &pair;
      ValueWriter values;
      values.string("take");
      // Its last owner is the ledger, once it has been sent: it goes when the release arrives.
      const auto tracked = std::shared_ptr<Block>(block.get(), [&slot, block](Block*) {
        slot.look = true;
        slot.pair->host.session->nudge();
      });
      values.array({uint8, {4096}, {1}}, block->data(), true, tracked);
      threads.emplace_back([&pair, &slot] { EXPECT_TRUE(pair.host.session->wait(slot.look, std::nullopt)); });
      TestCall call;
      pair.host.start(call, values);
      pair.host.finish(call);
    }
    for (auto& thread : threads) thread.join();
  }
}

TEST(SessionStop, EndsWithItsTimeAndWithTheSession) {
  Pair pair;
  const std::atomic<bool> never{false};
  EXPECT_TRUE(pair.host.session->wait(never, Session::Clock::now() + 2ms));
  EXPECT_FALSE(never);
  std::thread waiting([&] { EXPECT_FALSE(pair.host.session->wait(never, std::nullopt)); });
  std::this_thread::sleep_for(1ms);
  pair.host.session->close("the test");
  waiting.join();
}

// Who waits for a flag leads like one that waits for a call: it runs what is asked under a call of its own further out.
TEST(SessionStop, RunsWhatItsOwnCallIsAsked) {
  Pair pair({.host_leads = false});
  std::atomic<bool> done{false};
  pair.host.on("inner", [&](ValueReader&, ValueWriter& result) {
    done = true;
    result.integer(1);
  });
  pair.host.on("outer", [&](ValueReader&, ValueWriter& result) {
    pair.host.session->wait(done, std::nullopt);
    result.integer(2);
  });
  pair.worker.on("call back twice", [&](ValueReader&, ValueWriter& result) {
    const std::uint64_t current = pair.worker.session->current();
    EXPECT_NE(current, 0u);
    Stream outer, inner;
    pair.worker.start(outer, "outer");
    pair.worker.start(inner, "inner");
    EXPECT_EQ(take_all(*pair.worker.session, outer).values, std::vector<std::int64_t>{2});
    EXPECT_EQ(take_all(*pair.worker.session, inner).values, std::vector<std::int64_t>{1});
    result.integer(3);
  });
  EXPECT_EQ(pair.host.ask("call back twice"), 3);
}

}  // namespace
}  // namespace py4cpp::test
