// The end, at whatever moment and from whatever side: everybody who waits returns.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <random>

#include "frame.hpp"
#include "session_fixture.hpp"

namespace py4cpp::test {
namespace {

void teach(Pair& pair) {
  for (Endpoint* side : {static_cast<Endpoint*>(&pair.host), static_cast<Endpoint*>(&pair.worker)}) {
    side->on("descend", [side](ValueReader& arguments, ValueWriter& result) {
      const std::int64_t depth = arguments.next().integer();
      result.integer(depth == 0 ? 0 : 1 + side->ask("descend", {depth - 1}));
    });
  }
}

// Asks until the session ends.
void ask_for_ever(Endpoint& side) {
  try {
    for (;;) side.ask("descend", {3});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::disconnected);
  } catch (const std::runtime_error&) {  // the other side's failure, because its own call failed
  }
}

TEST(SessionClose, AtAnyMomentEverybodyReturns) {
  std::minstd_rand random(71);
  for (unsigned round = 0; round < 24; ++round) {
    Pair pair({.seed = 72 + round, .host_leads = round % 4 != 3});
    teach(pair);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) threads.emplace_back([&] { ask_for_ever(pair.host); });
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        const Worker::Interpreter held(pair.worker);
        ask_for_ever(pair.worker);
      });
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    Endpoint& first = random() % 2 == 0 ? static_cast<Endpoint&>(pair.host) : pair.worker;
    Endpoint& second = &first == &pair.host ? static_cast<Endpoint&>(pair.worker) : pair.host;
    first.session->close("on purpose");
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2'000));
    second.session->close("on purpose, too");
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(first.session->problem(), "on purpose");
    EXPECT_EQ(pair.host.closings, 1u);
    EXPECT_EQ(pair.worker.closings, 1u);
  }
}

TEST(SessionClose, NothingCanBeAskedAfterwards) {
  Pair pair;
  teach(pair);
  pair.host.session->close("on purpose");
  TestCall call;
  EXPECT_THROW(pair.host.start(call, "descend", {0}), Error);
  EXPECT_EQ(pair.host.session->wait(call, std::nullopt), Session::Outcome::timed_out);  // it was never asked
  EXPECT_TRUE(pair.host.session->closed());
  EXPECT_FALSE(pair.host.session->lead_idle());
  pair.host.session->release_object(1);
  pair.host.session->service();
  pair.host.session->drain_output();
  pair.host.session->close("again");
  EXPECT_EQ(pair.host.session->problem(), "on purpose");
}

TEST(SessionClose, WhatIsRunningEndsInPeace) {
  Pair pair;
  std::atomic<bool> running{false};
  pair.worker.on("run", [&](ValueReader&, ValueWriter& result) {
    running = true;
    eventually([&] { return pair.worker.session->closed(); });
    EXPECT_THROW(pair.worker.ask("anything"), Error);
    result.integer(0);
  });
  TestCall call;
  pair.host.start(call, "run");
  eventually([&] { return running.load(); });
  pair.worker.session->close("on purpose");
  pair.worker.server.join();
  EXPECT_EQ(pair.worker.served, 1u);
  pair.host.session->close("");
  EXPECT_EQ(pair.host.session->wait(call, std::nullopt), Session::Outcome::closed);
}

// ---- a host whose other side is this test

class SessionWire : public ::testing::Test {
 protected:
  SessionWire() {
    const auto [host_reads, our_writes] = make_pipe();
    const auto [our_reads, host_writes] = make_pipe();
    reads_ = our_reads;
    writes_ = our_writes;
    Session::Options options;
    options.peer_arena = {1, 2, getpid()};
    host_.session = Session::make(host_, std::make_unique<Channel>(host_reads, host_writes), host_.arena, options);
    host_.service.start(*host_.session, true);
  }
  ~SessionWire() override {
    host_.session->close("the test has ended");
    host_.service.stop();
    host_.executor.finish();
    host_.session.reset();
    close(reads_);
    if (writes_ >= 0) close(writes_);
  }

  void send(const MessageBytes& message) { send_raw(frame(message, sequence_++)); }
  void send_raw(std::span<const std::uint8_t> bytes) {
    EXPECT_EQ(write(writes_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  // Several threads wait for answers while `action` does something that the protocol doesn't allow.
  template <class Action>
  void expect_end(Action action) {
    std::atomic<int> started{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        TestCall call;
        host_.start(call, "anything");
        ++started;
        EXPECT_EQ(host_.session->wait(call, std::nullopt), Session::Outcome::closed);
      });
    }
    eventually([&] { return started == 4; });
    action();
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(host_.session->closed());
    EXPECT_EQ(host_.closings, 1u);
  }

  Host host_;
  MessageBuilder builder_;
  int reads_ = -1;
  int writes_ = -1;
  std::uint16_t sequence_ = 0;
};

TEST_F(SessionWire, AClosedPipeEndsTheSession) {
  expect_end([&] { close(std::exchange(writes_, -1)); });
  EXPECT_EQ(host_.session->problem(), "");
}

TEST_F(SessionWire, GarbageEndsTheSession) {
  expect_end([&] {
    const std::array<std::uint8_t, 64> garbage{1, 2, 3, 4, 5, 6, 7, 8};
    send_raw(garbage);
  });
  EXPECT_NE(host_.session->problem(), "");
}

TEST_F(SessionWire, AMessageThatIsNoneEndsTheSession) {
  expect_end([&] { send({wire::MessageKind::Reply, std::array<std::uint8_t, 16>{}}); });
  EXPECT_NE(host_.session->problem(), "");
}

TEST_F(SessionWire, AnAnswerToNothingEndsTheSession) {
  expect_end([&] { send(builder_.reply(99, ValueWriter())); });
  EXPECT_NE(host_.session->problem(), "");
}

TEST_F(SessionWire, MoreAnswersThanOneEndTheSession) {
  TestCall call;
  host_.start(call, "anything");
  expect_end([&] { send(builder_.reply(call.id(), ValueWriter(), true)); });
  EXPECT_NE(host_.session->problem(), "");
}

TEST_F(SessionWire, AFarewellToTheHostEndsTheSession) {
  expect_end([&] { send(builder_.bye()); });
  EXPECT_NE(host_.session->problem(), "");
}

TEST_F(SessionWire, AGreetingInTheMiddleEndsTheSession) {
  expect_end([&] { send(builder_.hello({})); });
  EXPECT_NE(host_.session->problem(), "");
}

TEST_F(SessionWire, ReleasingWhatWasNotLentEndsTheSession) {
  ReleaseBatch batch;
  batch.blocks.emplace_back(1, 2, 3, 4, 5);
  expect_end([&] { send(builder_.release(batch)); });
  EXPECT_NE(host_.session->problem(), "");
}

TEST_F(SessionWire, WhatCameBeforeTheEndCounts) {
  TestCall call;
  host_.start(call, "anything");
  ValueWriter values;
  values.integer(5);
  send(builder_.reply(call.id(), values));
  close(std::exchange(writes_, -1));
  EXPECT_EQ(host_.finish(call), 5);
}

// ---- descriptors

// User code of the worker puts a file in the place of a descriptor of the channel.
void expect_file_is_left_alone(bool the_one_it_reads) {
  Pair pair;
  const int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  ASSERT_EQ(write(file, "text", 4), 4);
  lseek(file, 0, SEEK_SET);
  const Channel& channel = pair.worker.session->channel();
  const int descriptor = the_one_it_reads ? channel.read_descriptor() : channel.write_descriptor();
  const int saved = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  pair.worker.on("replace", [&](ValueReader&, ValueWriter& result) {
    dup3(file, descriptor, O_CLOEXEC);
    result.integer(0);
  });
  TestCall call;
  pair.host.start(call, "replace");
  eventually([&] { return pair.worker.session->closed(); });
  EXPECT_NE(pair.worker.session->problem(), "");
  EXPECT_EQ(lseek(file, 0, SEEK_END), 4);
  pair.worker.server.join();
  pair.host.session->close("");
  pair.stop();
  EXPECT_NE(fcntl(descriptor, F_GETFD), -1);  // the channel doesn't close what isn't its own
  close(descriptor);
  close(saved);
  close(file);
}

TEST(SessionDescriptors, ThatUserCodeReplacedAreNotWrittenTo) { expect_file_is_left_alone(false); }

TEST(SessionDescriptors, ThatUserCodeReplacedEndTheSession) { expect_file_is_left_alone(true); }

}  // namespace
}  // namespace py4cpp::test
