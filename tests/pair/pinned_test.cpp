// Feeds and CUDA: what py4cpp.torch asks of it, with one that only takes notes.
#include "pair_fixture.hpp"

namespace py4cpp::test {
namespace {

class Pinned : public PairTest {
 protected:
  using Texts = std::vector<std::string>;
  using Report = std::tuple<std::vector<float>, Texts, Texts>;

  Pinned() { load("pinned.py"); }

  static void publish(Feed& feed, int batches) {
    for (int i = 0; i < batches; ++i) {
      Batch batch = feed.acquire();
      batch.array<float>("x").view() = static_cast<float>(i);
      batch.publish();
    }
  }
};

TEST_F(Pinned, EachSegmentIsRegisteredOnceAndGivenBackWhileItIsMapped) {
  Feed feed(py, {{"x", float32, {16}}}, {.slots = 8});  // the slots of one page of one segment
  const auto report = py.call_async<Report>("read_with", 0, feed);
  publish(feed, 30);
  feed.close();
  const auto [sums, log, warnings] = report.get();
  EXPECT_EQ(sums.size(), 30u);
  EXPECT_EQ(sums.back(), 16 * 29.f);
  EXPECT_EQ(log, (Texts{"register", "unregister"}));
  EXPECT_EQ(warnings, Texts());
}

TEST_F(Pinned, SlotsInSegmentsOfTheirOwn) {
  constexpr std::size_t rows = (12 << 20) / sizeof(float);  // too large to share a segment
  Feed feed(py, {{"x", float32, {rows}}}, {.slots = 2});
  const auto report = py.call_async<Report>("read_with", 0, feed);
  publish(feed, 6);
  feed.close();
  const auto [sums, log, warnings] = report.get();
  EXPECT_EQ(sums.size(), 6u);
  EXPECT_EQ(log, (Texts{"register", "register", "unregister", "unregister"}));
}

TEST_F(Pinned, DatasetsShareWhatIsRegistered) {
  Feed feed(py, {{"x", float32, {16}}}, {.slots = 2});
  using Twice = std::tuple<std::vector<float>, Texts, std::vector<bool>>;
  const auto report = py.call_async<Twice>("read_twice", feed);
  publish(feed, 2);
  feed.end_epoch();
  publish(feed, 2);
  feed.close();
  const auto [sums, log, registered] = report.get();
  EXPECT_EQ(sums.size(), 4u);
  EXPECT_EQ(log, (Texts{"register", "unregister"}));
  EXPECT_EQ(registered, (std::vector{true, false}));
}

TEST_F(Pinned, AnErrorOfCudaIsAWarning) {
  Feed feed(py, {{"x", float32, {16}}}, {.slots = 2});
  const auto report = py.call_async<Report>("read_with", 712, feed);
  publish(feed, 10);
  feed.close();
  const auto [sums, log, warnings] = report.get();
  EXPECT_EQ(sums.size(), 10u);
  EXPECT_EQ(log, (Texts{"register"})) << "asked again";
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("712"), std::string::npos) << warnings[0];
}

TEST_F(Pinned, NothingIsAskedWithoutCuda) {
  Feed feed(py, {{"x", float32, {16}}}, {.slots = 2});
  const auto sums = py.call_async<std::vector<float>>("read_without", feed);
  publish(feed, 3);
  feed.close();
  EXPECT_EQ(sums.get().size(), 3u);
}

TEST(PinnedPages, AFeedDoesNotImportTorch) {
  Python py{config()};
  Feed feed(py, {{"x", float32, {16}}}, {.slots = 2});
  py.exec("def read(feed):\n  import sys\n  for batch in feed: pass\n  return 'torch' in sys.modules");
  const auto imported = py.call_async<bool>("read", feed);
  feed.acquire().publish();
  feed.close();
  EXPECT_FALSE(imported.get());
}

}  // namespace
}  // namespace py4cpp::test
