// Frames on pipes: in any pieces, in both directions, and damaged.
#include "channel.hpp"

#include "frame.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace py4cpp::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A channel whose other ends this test holds.
class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() { open_all(); }
  ~ChannelTest() override { close_all(); }

  void open_all() {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    fcntl(out[1], F_SETPIPE_SZ, 4096);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    reads_ = out[0];
    writes_ = in[1];
    channel_ = std::make_unique<Channel>(in[0], out[1]);
  }
  void close_all() {
    if (reads_ >= 0) close(std::exchange(reads_, -1));
    if (writes_ >= 0) close(std::exchange(writes_, -1));
  }

  void send(std::span<const std::uint8_t> bytes) {
    ASSERT_EQ(write(writes_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // The head of a frame that carries a farewell.
  void send_header(std::uint32_t size) {
    const std::array<std::uint32_t, 2> header{size, static_cast<std::uint32_t>(wire::MessageKind::Bye)};
    send({reinterpret_cast<const std::uint8_t*>(header.data()), sizeof header});
  }
  std::vector<std::uint8_t> take(std::size_t most) const {
    std::vector<std::uint8_t> bytes(most);
    const ssize_t got = read(reads_, bytes.data(), bytes.size());
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

  MessageBuilder builder_;
  std::unique_ptr<Channel> channel_;
  int reads_ = -1;
  int writes_ = -1;
};

std::size_t text_size(const Message& message) { return message.as<wire::Output>()->text()->size(); }

TEST_F(ChannelTest, MessagesArriveByteByByte) {
  std::vector<std::uint8_t> stream;
  for (std::uint16_t i = 0; i < 3; ++i) {
    const auto bytes = frame(builder_.output(wire::Stream::out, std::string(i * 100u, 'x')), i);
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  std::size_t arrived = 0;
  for (const std::uint8_t byte : stream) {
    send({&byte, 1});
    ASSERT_EQ(channel_->receive(), Channel::Arrival::bytes);
    while (const auto message = channel_->next()) EXPECT_EQ(text_size(*message), 100 * arrived++);
  }
  EXPECT_EQ(arrived, 3u);
  EXPECT_EQ(channel_->receive(), Channel::Arrival::nothing);
  EXPECT_FALSE(channel_->next().has_value());
}

TEST_F(ChannelTest, SeveralMessagesArriveAtOnce) {
  std::vector<std::uint8_t> stream;
  for (std::uint16_t i = 0; i < 100; ++i) {
    const auto bytes = frame(builder_.output(wire::Stream::out, std::string(i, 'x')), i);
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  send(stream);
  std::size_t arrived = 0;
  while (channel_->receive() == Channel::Arrival::bytes) {
    while (const auto message = channel_->next()) EXPECT_EQ(text_size(*message), arrived++);
  }
  EXPECT_EQ(arrived, 100u);
}

// Far more than the pipe holds leaves piece by piece, whole and in order.
TEST_F(ChannelTest, WhatThePipeDoesNotTakeIsKept) {
  std::vector<std::uint8_t> expected;
  for (std::uint16_t i = 0; i < 40; ++i) {
    const auto message = builder_.output(wire::Stream::out, std::string(i * 997u, static_cast<char>('a' + i % 26)));
    channel_->queue(message);
    const auto bytes = frame(message, i);
    expected.insert(expected.end(), bytes.begin(), bytes.end());
  }
  EXPECT_EQ(channel_->queued(), expected.size());
  EXPECT_FALSE(channel_->flush());
  std::vector<std::uint8_t> got;
  while (got.size() < expected.size()) {
    const auto piece = take(1 + got.size() % 1000);
    ASSERT_FALSE(piece.empty());
    got.insert(got.end(), piece.begin(), piece.end());
    channel_->flush();
  }
  EXPECT_EQ(got, expected);
  EXPECT_TRUE(channel_->flush());
  EXPECT_EQ(channel_->queued(), 0u);
}

TEST_F(ChannelTest, AReaderThatNeverCatchesUpLosesNothing) {
  std::vector<std::uint8_t> expected, got;
  const std::string text(300'000, 'x');
  for (std::uint16_t i = 0; i < 30; ++i) {
    const auto message = builder_.output(wire::Stream::out, text);
    channel_->queue(message);
    const auto bytes = frame(message, i);
    expected.insert(expected.end(), bytes.begin(), bytes.end());
    for (int k = 0; k < 70; ++k) {
      channel_->flush();
      const auto piece = take(4096);
      got.insert(got.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(channel_->queued() + got.size(), expected.size());
  }
  while (got.size() < expected.size()) {
    channel_->flush();
    const auto piece = take(4096);
    got.insert(got.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(got, expected);
}

TEST_F(ChannelTest, AWrongSequenceIsBad) {
  send(frame(builder_.bye(), 1));
  ASSERT_EQ(channel_->receive(), Channel::Arrival::bytes);
  EXPECT_THROW(channel_->next(), BadMessage);
}

TEST_F(ChannelTest, WhatSomebodyElseWroteIsBad) {
  send(frame(builder_.bye(), 0));
  const std::string_view print = "Hello, world!\n";
  send({reinterpret_cast<const std::uint8_t*>(print.data()), print.size()});
  ASSERT_EQ(channel_->receive(), Channel::Arrival::bytes);
  EXPECT_TRUE(channel_->next());
  EXPECT_THROW(channel_->next(), BadMessage);
}

TEST_F(ChannelTest, SizesThatCannotBeAreBad) {
  for (const std::uint32_t size : {0u, 4u, 12u, 0x7fffffffu, 0xfffffff8u}) {
    close_all();
    open_all();
    send_header(size);
    ASSERT_EQ(channel_->receive(), Channel::Arrival::bytes);
    EXPECT_THROW(channel_->next(), BadMessage) << size;
  }
}

// The largest size that may be, of a message that never comes: nothing is set aside for it.
TEST_F(ChannelTest, AFalseSizeAllocatesNothing) {
  const auto memory = [] {
    long pages = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "r")) {
      if (std::fscanf(file, "%ld", &pages) != 1) pages = 0;
      std::fclose(file);
    }
    return pages * 4096;
  };
  const long before = memory();
  send_header(std::uint32_t{1} << 30);
  for (int i = 0; i < 100; ++i) {
    send(std::vector<std::uint8_t>(1000));
    ASSERT_EQ(channel_->receive(), Channel::Arrival::bytes);
    EXPECT_FALSE(channel_->next());
  }
  EXPECT_LT(memory() - before, 64 << 20);
}

TEST_F(ChannelTest, AMessageThatIsNoneIsBad) {
  send(frame({wire::MessageKind::Reply, std::array<std::uint8_t, 16>{}}, 0));
  ASSERT_EQ(channel_->receive(), Channel::Arrival::bytes);
  EXPECT_THROW(channel_->next(), BadMessage);
}

TEST_F(ChannelTest, TheOtherSidesEndIsSeen) {
  send(frame(builder_.bye(), 0));
  close(std::exchange(writes_, -1));
  EXPECT_EQ(channel_->receive(), Channel::Arrival::bytes);
  EXPECT_TRUE(channel_->next());
  EXPECT_EQ(channel_->receive(), Channel::Arrival::closed);
  EXPECT_EQ(channel_->receive(), Channel::Arrival::closed);
}

TEST_F(ChannelTest, AMessageCutOffByTheEndIsNone) {
  const auto bytes = frame(builder_.output(wire::Stream::out, "text"), 0);
  send({bytes.data(), bytes.size() - 1});
  close(std::exchange(writes_, -1));
  EXPECT_EQ(channel_->receive(), Channel::Arrival::bytes);
  EXPECT_FALSE(channel_->next());
  EXPECT_EQ(channel_->receive(), Channel::Arrival::closed);
}

TEST_F(ChannelTest, WritingToWhatNobodyReadsThrows) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  close(std::exchange(reads_, -1));
  channel_->queue(builder_.bye());
  try {
    channel_->flush();
    ADD_FAILURE() << "it was written";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::disconnected);
  }
  std::signal(SIGPIPE, before);
}

TEST_F(ChannelTest, WaitsForWhatItIsToldTo) {
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const auto soon = [] { return Clock::now() + 5ms; };
  auto begin = Clock::now();
  channel_->wait(wake, true, false, soon());
  EXPECT_GE(Clock::now() - begin, 5ms);  // nothing happens: the deadline

  channel_->wait(wake, true, true, std::nullopt);  // the pipe has room
  send(frame(builder_.bye(), 0));
  channel_->wait(wake, true, false, std::nullopt);  // something to read
  begin = Clock::now();
  channel_->wait(wake, false, false, soon());  // which is not asked for
  EXPECT_GE(Clock::now() - begin, 5ms);
  const std::uint64_t one = 1;
  ASSERT_EQ(write(wake, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  channel_->wait(wake, false, false, std::nullopt);  // woken
  close(wake);
}

TEST_F(ChannelTest, KnowsItsDescriptorsAgain) {
  EXPECT_TRUE(channel_->reads_its_own());
  EXPECT_TRUE(channel_->writes_its_own());
  const int descriptor = channel_->write_descriptor();
  const int saved = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  const int other = eventfd(0, EFD_CLOEXEC);
  dup3(other, descriptor, O_CLOEXEC);
  EXPECT_TRUE(channel_->reads_its_own());
  EXPECT_FALSE(channel_->writes_its_own());
  channel_.reset();
  EXPECT_NE(fcntl(descriptor, F_GETFD), -1) << "the channel closed what isn't its own";
  close(descriptor);
  close(saved);
  close(other);
}

TEST(Spin, PaysOnlyWhereTwoCanRun) {
  Spin off(0us);
  EXPECT_EQ(off.budget(), 0ns);
  EXPECT_EQ(off.budget(), 0ns);
}

TEST(Spin, BearsAnAnswerThatIsLateOnce) {
  Spin spin(20us);
  if (spin.budget() == 0ns) GTEST_SKIP() << "one CPU";
  spin.outcome(false);
  EXPECT_EQ(spin.budget(), 20us);
  spin.outcome(false);
  EXPECT_EQ(spin.budget(), 20us);
  spin.outcome(false);
  EXPECT_EQ(spin.budget(), 0ns);
  EXPECT_EQ(spin.budget(), 20us);
  spin.outcome(true);
  spin.outcome(false);
  EXPECT_EQ(spin.budget(), 20us);
}

TEST(Spin, BecomesRareWhileItIsInVain) {
  Spin spin(20us);
  if (spin.budget() == 0ns) GTEST_SKIP() << "one CPU";
  int spun = 0;
  for (int i = 0; i < 1000; ++i) {
    if (spin.budget() == 0ns) continue;
    ++spun;
    spin.outcome(false);
  }
  EXPECT_LT(spun, 40);
  EXPECT_GT(spun, 5);
  while (spin.budget() == 0ns) continue;
  spin.outcome(true);
  EXPECT_EQ(spin.budget(), 20us);  // and at once as before when it pays
}

}  // namespace
}  // namespace py4cpp::test
