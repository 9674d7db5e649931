// A host that forks: the child has no part in its parent's worker, and may have one of its own.
#include "host_child.hpp"
#include "pair_fixture.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace py4cpp::test {

namespace {

void expect_invalid(const std::function<void()>& f) {
  const auto error = thrown_by<py4cpp::Error>(f);
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid) << error.what();
  EXPECT_NE(std::string(error.what()).find("forked"), std::string::npos) << error.what();
}

}  // namespace

TEST(ForkedHost, HasNoPartInTheWorker) {
  auto py = std::make_unique<py4cpp::Python>(config());
  auto list = std::make_unique<py4cpp::Object>(py->eval<py4cpp::Object>("[1, 2]"));
  auto theirs =
      std::make_unique<py4cpp::Array<double>>(py->eval<py4cpp::Array<double>>("__import__('numpy').ones(50000)"));
  auto ours = std::make_unique<py4cpp::Array<double>>(py->array<double>({50'000}));
  ours->view() = 2.0;
  py->set("ours", *ours);
  const auto pending = std::make_unique<py4cpp::Future<int>>(py->eval_async<int>("11"));

  EXPECT_EQ(in_host_child([&] {
              EXPECT_FALSE(py->alive());
              expect_invalid([&] { py->eval("1"); });
              expect_invalid([&] { py->eval_async("1"); });
              expect_invalid([&] { static_cast<void>(list->len()); });
              expect_invalid([&] { py->call("len", *ours); });
              py->interrupt();
              py->stop();
              EXPECT_EQ(theirs->view()(49'999), 1.0);
              list.reset();
              theirs.reset();
              ours.reset();
              py.reset();
              return ::testing::Test::HasFailure() ? 1 : 0;
            }),
            0);

  EXPECT_EQ(pending->get(), 11);
  EXPECT_EQ(list->len(), 2u);
  EXPECT_EQ(theirs->view()(49'999), 1.0);
  EXPECT_EQ(py->eval<double>("ours.sum()"), 100'000.0);
  EXPECT_EQ(py->eval<double>("(ours * 2).sum()"), 200'000.0);
}

TEST(ForkedHost, MayHaveAWorkerOfItsOwn) {
  py4cpp::Python py{config()};
  const auto shared = py.eval<py4cpp::Array<double>>("__import__('numpy').ones(50000)");
  const auto next = [](int x) { return x + 1; };
  EXPECT_EQ(py.eval_async<int>("1").then(next).get(), 2);  // leaves a thread that waits for more such work
  EXPECT_EQ(in_host_child([&] {
              py4cpp::Python own{config()};
              EXPECT_NE(own.pid(), py.pid());
              const auto continued = own.eval_async<int>("2").then(next);
              EXPECT_TRUE(continued.wait_for(std::chrono::seconds(30))) << "the child waits for its parent's thread";
              EXPECT_EQ(own.eval<int>("1"), 1);
              const auto array = own.array<double>({50'000});
              array.view() = 3.0;
              EXPECT_EQ(own.call<double>("sum", array), 150'000.0);
              EXPECT_EQ(own.eval<py4cpp::Array<double>>("__import__('numpy').zeros(50000)").view()(7), 0.0);
              EXPECT_EQ(own.call<double>("sum", shared), 50'000.0);
              return ::testing::Test::HasFailure() ? 1 : 0;
            }),
            0);
  EXPECT_EQ(py.eval<int>("2"), 2);
  EXPECT_EQ(shared.view()(49'999), 1.0);
}

}  // namespace py4cpp::test
