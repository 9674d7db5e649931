// Much data, full pipes, blocks and releases.
#include "session_fixture.hpp"

namespace py4cpp::test {
namespace {

// A request that carries `size` bytes of text and asks for as many back.
void write_payload(ValueWriter& values, std::size_t size) {
  values.string("echo");
  values.bytes(std::string(size, static_cast<char>('a' + size % 26)));
}

void teach(Pair& pair) {
  const auto echo = [](ValueReader& arguments, ValueWriter& result) {
    const auto node = arguments.next();
    result.bytes(arguments.text(node));
  };
  const auto twice = [](ValueReader& arguments, ValueWriter& result) {
    result.integer(2 * arguments.next().integer());
  };
  pair.host.on("echo", echo);
  pair.worker.on("echo", echo);
  pair.host.on("twice", twice);
  pair.worker.on("twice", twice);
}

void ask_echo(Endpoint& side, std::size_t size) {
  ValueWriter values;
  write_payload(values, size);
  TestCall call;
  side.start(call, values);
  ASSERT_EQ(side.session->wait(call, std::nullopt), Session::Outcome::answered);
  const Message answer = call.take_answer();
  ValueReader reader(*answer.as<wire::Reply>());
  const auto text = reader.text(reader.next());
  ASSERT_EQ(text.size(), size);
  if (size > 0) {
    EXPECT_EQ(text.front(), static_cast<char>('a' + size % 26));
    EXPECT_EQ(text.back(), text.front());
  }
}

TEST(SessionFlow, BothSidesFloodSmallPipes) {
  Pair pair({.pipe_size = 4096, .seed = 51});
  teach(pair);
  const std::size_t sizes[] = {1, 100, 5000, 70'000, 1 << 18, 8, 8 << 20, 300};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 16; ++i) ask_echo(pair.host, sizes[(i + static_cast<std::size_t>(t)) % 6]);
      if (t == 0) ask_echo(pair.host, sizes[6]);
    });
    threads.emplace_back([&, t] {
      const Worker::Interpreter held(pair.worker);
      for (std::size_t i = 0; i < 16; ++i) ask_echo(pair.worker, sizes[(i + static_cast<std::size_t>(t)) % 6]);
      if (t == 0) ask_echo(pair.worker, sizes[6]);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(SessionFlow, AsynchronousFloodsCrossInSmallPipes) {
  Pair pair({.pipe_size = 4096, .seed = 52});
  teach(pair);
  const auto flood = [](Endpoint& side, std::vector<std::unique_ptr<TestCall>>& calls) {
    for (std::size_t i = 0; i < 60; ++i) {
      ValueWriter values;
      write_payload(values, i * 3000);
      calls.push_back(std::make_unique<TestCall>());
      side.start(*calls.back(), values, Session::Sending::batched);
    }
    for (auto& call : calls) EXPECT_EQ(side.session->wait(*call, std::nullopt), Session::Outcome::answered);
  };
  std::vector<std::unique_ptr<TestCall>> calls, callbacks;
  std::thread other([&] {
    const Worker::Interpreter held(pair.worker);
    flood(pair.worker, callbacks);
  });
  flood(pair.host, calls);
  other.join();
}

TEST(SessionFlow, BytesMayArriveInAnyPieces) {
  Pair pair({.seed = 53, .relayed = true});
  teach(pair);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < 30; ++i) ask_echo(pair.host, i * i * 37);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(SessionFlow, TheOneWhoAsksWaitsWhileTooMuchIsQueued) {
  Pair pair;
  std::atomic<bool> go{false};
  std::atomic<int> started{0};
  pair.worker.on("hang", [&](ValueReader&, ValueWriter& result) {
    eventually([&] { return go.load(); });
    result.integer(0);
  });
  pair.worker.on("swallow", [](ValueReader&, ValueWriter& result) { result.integer(0); });
  TestCall first;
  pair.host.start(first, "hang");
  std::vector<std::unique_ptr<TestCall>> calls;
  std::thread asker([&] {
    for (int i = 0; i < 12; ++i) {
      ValueWriter values;
      values.string("swallow");
      values.bytes(std::string(std::size_t{8} << 20, 'x'));
      calls.push_back(std::make_unique<TestCall>());
      pair.host.start(*calls.back(), values, Session::Sending::batched);
      ++started;
    }
  });
  eventually([&] { return started >= 7; });
  std::this_thread::sleep_for(20ms);
  EXPECT_LT(started, 9);  // nobody reads: 64 MiB may wait
  go = true;
  asker.join();
  pair.host.finish(first);
  for (auto& call : calls) EXPECT_EQ(pair.host.session->wait(*call, std::nullopt), Session::Outcome::answered);
}

// The thread that waits for room leads; when the other side has read, nothing need arrive for it to go on.
TEST(SessionFlow, PrintingGoesOnWhenTheOtherSideHasRead) {
  Pair pair({.pipe_size = 4096});
  std::atomic<std::size_t> printed{0};
  pair.host.on_print = [&](std::string_view text) { printed += text.size(); };
  {
    const Worker::Interpreter held(pair.worker);
    const std::string text(100'000, 'x');
    for (int i = 0; i < 50; ++i) pair.worker.session->print(wire::Stream::out, text);
  }
  eventually([&] { return printed == 5'000'000; });
}

TEST(SessionFlow, AllIsAnsweredBeforeTheServerReturns) {
  for (unsigned round = 0; round < 10; ++round) {
    Pair pair({.pipe_size = 4096, .seed = 54 + round});
    teach(pair);
    std::vector<std::unique_ptr<TestCall>> calls;
    for (std::size_t i = 0; i < 20; ++i) {
      ValueWriter values;
      write_payload(values, 20'000 * i);
      calls.push_back(std::make_unique<TestCall>());
      pair.host.start(*calls.back(), values, Session::Sending::batched);
    }
    pair.host.session->say_bye();
    pair.worker.server.join();
    pair.worker.session->close("the worker's process has ended");
    for (auto& call : calls) EXPECT_EQ(pair.host.session->wait(*call, std::nullopt), Session::Outcome::answered);
    pair.host.session->close("");
  }
}

TEST(SessionFlow, EveryReleaseArrivesOnce) {
  Pair pair({.seed = 65});
  teach(pair);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < 500; ++i) {
        pair.host.session->release_object(i);
        if (i % 100 == 0) pair.host.ask("twice", {1});
      }
    });
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < 500; ++i) pair.worker.session->release_callable(i, i % 5);
    });
  }
  for (auto& thread : threads) thread.join();
  eventually([&] { return pair.worker.objects_released == 2000; });
  // No thread of the host waits: its service thread sees to it.
  eventually([&] { return pair.host.callables_released == 4000; });
}

TEST(SessionFlow, ReleasesGoAheadOfTheNextRequest) {
  Pair pair;
  pair.worker.on("released", [&](ValueReader&, ValueWriter& result) {
    result.integer(static_cast<std::int64_t>(pair.worker.objects_released));
  });
  for (int i = 1; i <= 100; ++i) {
    pair.host.session->release_object(7);
    EXPECT_EQ(pair.host.ask("released"), i);
  }
}

// ---- blocks

class SessionBlocks : public ::testing::Test {
 protected:
  SessionBlocks() : pair_({.seed = 66}) {
    // Answers with the array it got, and keeps every third one.
    for (Endpoint* side : {static_cast<Endpoint*>(&pair_.host), static_cast<Endpoint*>(&pair_.worker)}) {
      side->on("pass back", [side](ValueReader& arguments, ValueWriter& result) {
        const std::int64_t number = arguments.next().integer();
        arguments.next();
        const ArrayPlace place = arguments.array();
        const auto block = side->session->ledger().borrow(place.block);
        EXPECT_EQ(block->data()[0], std::byte(number));
        if (number % 3 == 0) side->hold(block);
        result.array(place.layout, block->data(), true, block);
      });
    }
  }

  static void start(Endpoint& side, TestCall& call, std::int64_t number) {
    const auto block = side.arena->allocate(100'000);
    block->data()[0] = std::byte(number);
    ValueWriter values;
    values.string("pass back");
    values.integer(number);
    values.array(Layout::row_major(uint8, {100'000}), block->data(), true, block);
    side.start(call, values);
  }

  static void finish(Endpoint& side, TestCall& call, std::int64_t number) {
    ASSERT_EQ(side.session->wait(call, std::nullopt), Session::Outcome::answered);
    const Message answer = call.take_answer();
    ValueReader reader(*answer.as<wire::Reply>());
    reader.next();
    const auto block = side.session->ledger().borrow(reader.array().block);
    EXPECT_EQ(block->data()[0], std::byte(number));
  }

  void expect_no_live_blocks() {
    eventually([&] {
      pair_.host.drop_held();
      pair_.worker.drop_held();
      return pair_.host.arena->stats().live_blocks == 0 && pair_.worker.arena->stats().live_blocks == 0;
    });
  }

  Pair pair_;
};

TEST_F(SessionBlocks, ComeHomeAndAreFree) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 60; ++i) {
        TestCall call;
        start(pair_.host, call, i);
        finish(pair_.host, call, i);
      }
    });
    threads.emplace_back([&] {
      const Worker::Interpreter held(pair_.worker);
      for (int i = 0; i < 60; ++i) {
        TestCall call;
        start(pair_.worker, call, i);
        finish(pair_.worker, call, i);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  expect_no_live_blocks();
}

TEST_F(SessionBlocks, InAnswersNobodyWaitsForAreFreed) {
  for (int i = 0; i < 30; ++i) {
    TestCall call;
    start(pair_.host, call, i);
    if (i % 2 == 0) pair_.host.session->wait(call, Session::Clock::now() + 50us);
    if (!pair_.host.session->abandon(call)) pair_.host.discard(call.take_answer());
  }
  expect_no_live_blocks();
}

TEST_F(SessionBlocks, OfARequestThatCouldNotBeSentAreNotLent) {
  pair_.host.session->close("on purpose");
  TestCall call;
  EXPECT_THROW(start(pair_.host, call, 1), Error);
  EXPECT_EQ(pair_.host.arena->stats().live_blocks, 0u);
}

TEST_F(SessionBlocks, MayBeDroppedWhileTheSessionEnds) {
  std::vector<std::shared_ptr<Block>> borrowed;
  pair_.worker.on("keep", [&](ValueReader& arguments, ValueWriter& result) {
    arguments.next();
    borrowed.push_back(pair_.worker.session->ledger().borrow(arguments.array().block));
    result.integer(0);
  });
  for (int i = 0; i < 200; ++i) {
    const auto block = pair_.host.arena->allocate(64);
    ValueWriter values;
    values.string("keep");
    values.array(Layout::row_major(uint8, {64}), block->data(), true, block);
    TestCall call;
    pair_.host.start(call, values);
    pair_.host.finish(call);
  }
  std::thread dropper([&] {
    while (!borrowed.empty()) borrowed.pop_back();
  });
  pair_.stop();
  dropper.join();
}

}  // namespace
}  // namespace py4cpp::test
