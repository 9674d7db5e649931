// Everything at once, in an order that a seed chooses: calls, nested calls, asynchronous ones, deadlines, output,
// blocks, releases, from many threads of both sides, until time is up; then all must be accounted for; or one side
// closes, and everybody must return. PY4CPP_RANDOM_SEED runs another seed.
#include <cstdlib>
#include <random>

#include "session_fixture.hpp"

namespace py4cpp::test {
namespace {

using Random = std::minstd_rand;

std::uint64_t pick(Random& random, std::uint64_t below) { return random() % below; }

class RandomRun {
 public:
  RandomRun(unsigned seed, bool relayed) : seed_(seed), pair_(options(seed, relayed)) {
    teach(pair_.host);
    teach(pair_.worker);
    pair_.host.on_print = [this](std::string_view text) { print(text); };
  }

  // `close_early`: one side closes while everything is under way.
  void run(std::chrono::milliseconds length, bool close_early) {
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 6; ++t) threads.emplace_back([this, t] { act(pair_.host, t); });
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([this, t] {
        const Worker::Interpreter held(pair_.worker);
        act(pair_.worker, 100 + t);
      });
    }
    std::this_thread::sleep_for(length);
    if (close_early) {
      (seed_ % 2 == 0 ? static_cast<Endpoint&>(pair_.host) : pair_.worker).session->close("on purpose");
      std::this_thread::sleep_for(2ms);
      (seed_ % 2 == 1 ? static_cast<Endpoint&>(pair_.host) : pair_.worker).session->close("on purpose");
    }
    stop_ = true;
    for (auto& thread : threads) thread.join();
    if (!close_early) settle();
    pair_.stop();
  }

 private:
  static PairOptions options(unsigned seed, bool relayed) {
    PairOptions options;
    options.seed = seed;
    options.relayed = relayed;
    options.spin = seed % 3 == 0 ? 20us : 0us;
    options.pipe_size = seed % 2 == 0 ? 4096 : 0;
    return options;
  }

  void teach(Endpoint& side) {
    side.on("work", [this, &side](ValueReader& arguments, ValueWriter& result) {
      Random random(static_cast<unsigned>(arguments.next().integer()));
      const auto depth = static_cast<unsigned>(arguments.next().integer());
      const auto turns = pick(random, 4);
      for (std::uint64_t i = 0; i < turns; ++i) step(side, random, depth);
      result.integer(depth);
    });
    side.on("keep block", [this, &side](ValueReader& arguments, ValueWriter& result) {
      const auto number = arguments.next().integer();
      arguments.next();
      const ArrayPlace place = arguments.array();
      const auto block = side.session->ledger().borrow(place.block);
      EXPECT_EQ(block->data()[0], std::byte(number));
      if (number % 2 == 0) side.hold(block);
      if (number % 3 == 0) side.drop_held();
      result.array(place.layout, block->data(), true, block);
    });
  }

  void act(Endpoint& side, unsigned number) {
    Random random(seed_ * 1000 + number);
    try {
      while (!stop_) step(side, random, 4);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::disconnected) << error.what();
    } catch (const std::runtime_error&) {  // the same, seen by the other side
      EXPECT_TRUE(side.session->closed() || pair_.host.session->closed() || pair_.worker.session->closed());
    }
  }

  void print(std::string_view text) {
    EXPECT_FALSE(printing_.exchange(true));
    printed_ += text.size();
    printing_ = false;
    Random random(static_cast<unsigned>(text.size()));
    try {
      if (text.size() % 8 == 0) some_call(pair_.host, random, 1);
    } catch (const std::runtime_error&) {
      EXPECT_TRUE(pair_.host.session->closed() || pair_.worker.session->closed());
    }
  }

  void step(Endpoint& side, Random& random, unsigned depth) {
    switch (pick(random, 10)) {
      case 0:
        return some_async(side, random, depth);
      case 1:
        return some_block(side, random, depth);
      case 2:
        if (&side == &pair_.worker) {
          const std::string text(1 + pick(random, 2000), 'x');
          pair_.worker.session->print(wire::Stream::out, text);
          if (!pair_.worker.session->closed()) sent_ += text.size();
        }
        return;
      case 3:
        if (&side == &pair_.host) {
          side.session->release_object(1);
          ++objects_;
        } else {
          side.session->release_callable(1, 2);
          callables_ += 2;
        }
        return;
      case 4:
        return some_deadline(side, random, depth);
      case 5:
        if (pick(random, 8) == 0) pause(side, std::chrono::microseconds(pick(random, 500)));
        return;
      default:
        return some_call(side, random, depth);
    }
  }

  void pause(Endpoint& side, std::chrono::microseconds time) {
    side.suspend();
    std::this_thread::sleep_for(time);
    side.resume();
  }

  void some_call(Endpoint& side, Random& random, unsigned depth) {
    if (depth == 0) return;
    const auto next = static_cast<std::int64_t>(pick(random, depth));
    EXPECT_EQ(side.ask("work", {static_cast<std::int64_t>(random()), next}), next);
  }

  // Some asynchronous calls, each waited for or given up. What is kept is released once: by us, or for what is given up
  // by the session. Nobody waits for most of them, so they don't call back.
  void some_async(Endpoint& side, Random& random, unsigned depth) {
    if (depth == 0) return;
    const bool keep = &side == &pair_.host && pick(random, 2) == 0;
    std::vector<std::unique_ptr<TestCall>> calls(1 + pick(random, 5));
    for (auto& call : calls) {
      call = std::make_unique<TestCall>();
      try {
        side.start(*call, "work", {static_cast<std::int64_t>(random()), 0}, Session::Sending::batched, keep);
      } catch (...) {
        for (auto& other : calls) {
          if (other) side.session->abandon(*other);
        }
        throw;
      }
      if (keep) ++objects_;
    }
    for (const auto& call : calls) {
      if (pick(random, 4) == 0 && side.session->abandon(*call)) continue;
      side.session->wait(*call, std::nullopt);
      if (keep) side.session->release_object(call->id());
    }
  }

  // Late calls of the worker don't call back either: its server would have to run what comes of that, and it may wait.
  void some_deadline(Endpoint& side, Random& random, unsigned depth) {
    if (depth == 0) return;
    const std::int64_t next = &side == &pair_.host ? static_cast<std::int64_t>(pick(random, depth)) : 0;
    try {
      side.ask("work", {static_cast<std::int64_t>(random()), next},
               Session::Clock::now() + std::chrono::microseconds(pick(random, 2000)));
    } catch (const TimedOut&) {
    }
  }

  void some_block(Endpoint& side, Random& random, unsigned depth) {
    if (depth == 0) return;
    const auto block = side.arena->allocate(64 + pick(random, 200'000));
    const auto number = static_cast<std::int64_t>(pick(random, 100));
    block->data()[0] = std::byte(number);
    ValueWriter values;
    values.string("keep block");
    values.integer(number);
    values.array(Layout::row_major(uint8, {64}), block->data(), true, block);
    TestCall call;
    side.start(call, values);
    if (pick(random, 4) == 0 && side.session->abandon(call)) return;
    EXPECT_NE(side.session->wait(call, std::nullopt), Session::Outcome::timed_out);
    if (const Message answer = call.take_answer(); !answer.empty()) side.discard(answer);
  }

  // Nothing is left over on either side.
  void settle() {
    eventually([&] {
      pair_.host.drop_held();
      pair_.worker.drop_held();
      return pair_.host.arena->stats().live_blocks == 0 && pair_.worker.arena->stats().live_blocks == 0;
    });
    eventually([&] { return pair_.host.callables_released == callables_; });
    eventually([&] { return pair_.worker.objects_released == objects_; });
    eventually([&] { return printed_ == sent_; });
    eventually([&] { return !pair_.host.session->led_by_thread(); });  // an executor's thread may just be leaving
  }

  const unsigned seed_;
  Pair pair_;
  std::atomic<bool> stop_{false}, printing_{false};
  std::atomic<std::uint64_t> sent_{0}, printed_{0}, objects_{0}, callables_{0};
};

class SessionRandom : public ::testing::TestWithParam<unsigned> {};

TEST_P(SessionRandom, AllIsAccountedFor) { RandomRun(GetParam(), false).run(1500ms, false); }

TEST_P(SessionRandom, AllIsAccountedForInPieces) { RandomRun(GetParam(), true).run(700ms, false); }

TEST_P(SessionRandom, EverybodyReturnsWhenItIsClosed) {
  for (unsigned round = 0; round < 8; ++round) {
    RandomRun(GetParam() * 100 + round, round % 2 == 1).run(std::chrono::milliseconds(10 * round), true);
  }
}

std::vector<unsigned> seeds() {
  if (const char* seed = std::getenv("PY4CPP_RANDOM_SEED")) return {static_cast<unsigned>(std::atoi(seed))};
  return {1, 2, 3};
}

INSTANTIATE_TEST_SUITE_P(Seeds, SessionRandom, ::testing::ValuesIn(seeds()));

}  // namespace
}  // namespace py4cpp::test
