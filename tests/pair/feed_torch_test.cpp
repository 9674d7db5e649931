// Feeds that PyTorch reads: py4cpp.torch.FeedDataset, and what a DataLoader makes of it.
#include "feed_fixture.hpp"

namespace py4cpp::test {
namespace {

class FeedsInPyTorch : public FeedTest {
 protected:
  FeedsInPyTorch() { load("feed_torch.py"); }
};

TEST_F(FeedsInPyTorch, AreReadThroughALoader) {
  Feed rows(py, {{"x", float32, {8, 4}}, {"label", int64, {8}}}, {.slots = 3, .name = "train"});
  const auto trained = py.call_async<std::vector<double>>("train", rows);
  for (int i = 0; i < 200; ++i) {
    Batch batch = rows.acquire();
    auto x = batch.array<float>("x").view();
    auto label = batch.array<std::int64_t>("label").view();
    for (std::size_t row = 0; row < 8; ++row) {
      label(row) = static_cast<std::int64_t>((row + static_cast<std::size_t>(i)) % 2);
      for (std::size_t column = 0; column < 4; ++column) x(row, column) = label(row) == 0 ? 1.f : -1.f;
    }
    batch.publish();
  }
  rows.close();
  const auto descent = trained.get();
  ASSERT_EQ(descent.size(), 200u);
  EXPECT_LT(descent.back(), descent.front() / 4);
}

// A loader makes batches of one unless it is told not to.
TEST_F(FeedsInPyTorch, GiveALoaderBatchesThatAreBatches) {
  using Loaded = std::vector<std::tuple<bool, std::vector<int>, bool>>;
  const Loaded as_published = {{true, {4}, true}, {true, {4}, true}, {true, {2}, true}};
  for (const char* const options : {"", "batch_size=None", "batch_size=1", "batch_size=1, drop_last=True"}) {
    Feed feed = make();
    const auto loaded = py.eval_async<Loaded>(std::string("load_as_they_are(feed, ") + options + ")", "feed"_a = feed);
    publish(feed, 1);
    publish(feed, 2);
    feed.acquire().publish(2);
    feed.close();
    EXPECT_EQ(loaded.get(), as_published) << options;
  }
  for (const int batch_size : {2, 8}) {  // as many as the feed has slots for, and more
    Feed feed = make();
    const auto loaded = py.call_async("load_as_they_are", feed, "batch_size"_a = batch_size);
    try {
      for (int i = 0; i < 20; ++i) publish(feed, 1);
      feed.close();
    } catch (const PythonError&) {
    }
    const auto error = thrown_by<PythonError>([&] { loaded.get(); });
    EXPECT_EQ(error.type(), batch_size == 2 ? "TypeError" : "BufferError");
    EXPECT_NE(error.message().find("batch_size=None"), std::string::npos) << error.message();
  }
}

TEST_F(FeedsInPyTorch, AreDictsByHand) {
  Feed feed = make();
  const auto kinds = py.call_async<std::tuple<bool, std::vector<bool>, std::vector<bool>>>("copy_by_hand", feed);
  publish(feed, 7);
  feed.close();
  EXPECT_EQ(kinds.get(), std::make_tuple(true, std::vector<bool>(5, true), std::vector<bool>(6, true)));
}

TEST_F(FeedsInPyTorch, HaveNoLengthAndSayWhatLoadersTake) {
  using Asked = std::tuple<std::vector<std::string>, bool, int, int>;
  Feed feed = make();
  const auto asked = py.call_async<Asked>("without_length", feed);
  for (int i = 0; i < 3; ++i) publish(feed, 1);
  feed.close();
  const auto [said, truth, hint, batches] = asked.get();
  ASSERT_EQ(said.size(), 3u);
  for (const std::string& text : said) EXPECT_NE(text.find("FeedDataset(feed)"), std::string::npos) << text;
  EXPECT_TRUE(truth);
  EXPECT_EQ(hint, 7);
  EXPECT_EQ(batches, 3);
}

TEST_F(FeedsInPyTorch, TellLoaderWorkersWhatToDo) {
  Feed feed = make();
  const auto done = py.call_async("train_in_workers", feed);
  EXPECT_NE(thrown_by<PythonError>([&] { done.get(); }).message().find("num_workers=0"), std::string::npos);
  const auto spawned = thrown_by<errors::TypeError>([&] { py.call("pickle_it", feed); });  // where workers don't fork
  EXPECT_NE(spawned.message().find("num_workers=0"), std::string::npos);
}

}  // namespace
}  // namespace py4cpp::test
