// Where C++ asks for an Object it gets the very object that Python has, plain values too.
#include "pair_fixture.hpp"

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <thread>

namespace py4cpp::test {

struct Job {
  std::string name;
  Object payload;
  std::vector<Object> steps;
};
struct Stage {
  Object state;
  int count = 0;
  void reset(Object to) { state = std::move(to); }
};

}  // namespace py4cpp::test

PY4CPP_STRUCT(py4cpp::test::Job, name, payload, steps)

namespace py4cpp::test {

using Handles = PairTest;

TEST_F(Handles, AreParametersOfCallbacks) {
  py.export_function("grow", [](Object list, int by) { list.method("append", by); });
  EXPECT_EQ(py.eval<std::vector<int>>("(xs := [1], grow(xs, 2))[0]"), (std::vector{1, 2}));
  py.export_function("put", [](int value, const Object& where, std::string key) { where.set_item(key, value); },
                     {"value", "where", "key"});
  EXPECT_EQ(py.eval<int>("(d := {}, put(1, d, key='a'), put(key='b', where=d, value=2))[0]['b']"), 2);
  EXPECT_EQ(py.eval<std::string>("repr(put)"), "<C++ function (value, where, key)>");
  EXPECT_EQ(py.eval<std::string>("str(__import__('inspect').signature(put))"), "(value, where, key)");
  py.export_function("kind", [](Object o) { return o.type(); });
  EXPECT_EQ(py.eval<std::vector<std::string>>("[kind(x) for x in (None, 1, 'a', [], kind, b'', 2.5)]"),
            (std::vector<std::string>{"NoneType", "int", "str", "list", "py4cpp.HostCallable", "bytes", "float"}));
  py.export_function("same", [](Object o) { return o; });
  EXPECT_TRUE(py.eval<bool>("(xs := [1], same(xs) is xs)[1]"));
  EXPECT_THROW(py.eval("grow([1])"), errors::TypeError);
  EXPECT_THROW(py.eval("put(1, {}, k='a')"), errors::TypeError);
  EXPECT_THROW(py.eval("grow([1], 'x')"), errors::TypeError);
  EXPECT_EQ(py.stats().live_objects, 0u);
}

TEST_F(Handles, AreInParametersOfCallbacks) {
  py.export_function("all", [](std::vector<Object> lists) {
    for (const Object& list : lists) list.method("clear");
    return lists.size();
  });
  EXPECT_EQ(py.eval<int>("(xs := [[1], [2, 3]], all(xs), sum(map(len, xs)))[2]"), 0);
  py.export_function("maybe", [](std::optional<Object> o) { return o ? o->len() : 0; });
  EXPECT_EQ(py.eval<int>("maybe(None) + maybe([1, 2])"), 2);
  py.export_function("of", [](const std::map<std::string, Object>& m) { return m.at("k").len(); });
  EXPECT_EQ(py.eval<int>("of({'k': [1, 2, 3]})"), 3);
  const std::function<int(Object)> size = [](Object o) { return static_cast<int>(o.len()); };
  EXPECT_EQ(py.call<std::vector<int>>("list", py.call<Object>("map", size, std::vector<std::string>{"a", "bcd"})),
            (std::vector{1, 3}));
}

TEST_F(Handles, AreParametersOfHostObjects) {
  Stage stage;
  const auto face = host_object(stage)
                        .attr("state", &Stage::state)
                        .attr("count", &Stage::count)
                        .method("reset", &Stage::reset, {"to"})
                        .method("take", [](Stage& s, const Object& list, int n) { s.count = n + int(list.len()); });
  py.set("stage", face);
  py.exec("xs = [1]\nstage.reset(to=xs)\nstage.count = 4");
  stage.state.method("append", 2);
  EXPECT_EQ(py.eval<std::vector<int>>("xs"), (std::vector{1, 2}));
  EXPECT_TRUE(py.eval<bool>("stage.state is xs"));
  py.exec("ys = {}\nstage.state = ys\nstage.take([1, 2, 3], 10)");
  stage.state.set_item("k", 1);
  EXPECT_EQ(py.eval<int>("ys['k']"), 1);
  EXPECT_EQ(stage.count, 13);
}

TEST_F(Handles, AreMembersOfStructs) {
  py.exec(
      "import dataclasses\n@dataclasses.dataclass\nclass Job:\n    name: str\n    payload: object\n    steps: list\n"
      "one = {'name': 'a', 'payload': [1], 'steps': [[], {}]}\ntwo = Job('b', {'k': 1}, [])");
  const auto one = py.eval<Job>("one");
  EXPECT_EQ(one.name, "a");
  one.payload.method("append", 2);
  one.steps.at(0).method("append", 3);
  EXPECT_EQ(py.eval<std::string>("str(one)"), "{'name': 'a', 'payload': [1, 2], 'steps': [[3], {}]}");
  const auto both = py.eval<std::vector<Job>>("[one, two]");
  EXPECT_EQ(both.at(1).payload.item<int>("k"), 1);
  EXPECT_EQ(both.at(0).steps.size(), 2u);
  EXPECT_EQ(py.call<int>([](const Job& job) { return static_cast<int>(job.payload.len()); }, both.at(1)), 1);
  EXPECT_EQ(thrown_by<ConversionError>([&] { py.eval<Job>("{'name': 'a', 'steps': []}"); }).path(), "['payload']");
  EXPECT_EQ(thrown_by<ConversionError>([&] { py.eval<Job>("{**one, 'more': 1}"); }).path(), "['more']");
  EXPECT_EQ(thrown_by<ConversionError>([&] { py.eval<Job>("Job(1, 2, [])"); }).path(), ".name");
  EXPECT_EQ(thrown_by<ConversionError>([&] { py.eval<Job>("Job('', 2, 3)"); }).path(), ".steps");
}

TEST_F(Handles, OfAContainersElementsComeWithOneMessage) {
  py.exec(
      "lists = [[i] for i in range(1000)]\nnamed = {str(i): lists[i] for i in range(1000)}\n"
      "one = {'name': 'a', 'payload': lists, 'steps': []}");
  const auto asked = [&](auto&& ask) {
    const auto before = py.stats().calls;
    ask();
    return py.stats().calls - before - 1;  // without stats() itself
  };
  EXPECT_EQ(asked([&] {
              const auto lists = py.eval<std::vector<Object>>("lists");
              ASSERT_EQ(lists.size(), 1000u);
              lists[999].method("append", 1);
            }),
            3u);  // the handle of the whole, those of its elements, append()
  EXPECT_EQ(asked([&] {
              const auto named = py.eval<std::map<std::string, Object>>("named");
              ASSERT_EQ(named.size(), 1000u);
              named.at("999").method("append", 2);
            }),
            3u);
  EXPECT_EQ(asked([&] { EXPECT_EQ(py.eval<Job>("one").name, "a"); }), 3u);  // the last are the elements of `steps`
  EXPECT_EQ(py.eval<std::vector<int>>("lists[999]"), (std::vector{999, 1, 2}));
  using Mixed = std::tuple<Object, int>;
  EXPECT_EQ(asked([&] { EXPECT_EQ(std::get<1>(py.eval<Mixed>("([], 5)")), 5); }), 3u);  // the last asks for the int
  EXPECT_THROW(py.eval<std::vector<Object>>("5"), ConversionError);
  EXPECT_THROW((py.eval<std::map<std::string, Object>>("[1]")), ConversionError);
  EXPECT_EQ(py.stats().live_objects, 0u);
}

TEST_F(Handles, AreNotMadeOfValuesThatHaveArrived) {
  const auto error = thrown_by<ConversionError>([&] { py.eval("{'k': [[1]]}").as<std::map<std::string, Object>>(); });
  EXPECT_EQ(error.path(), "['k']");
  EXPECT_NE(std::string(error.what()).find("ask Python for an Object"), std::string::npos) << error.what();
}

TEST_F(Handles, AreReleasedOnAnyThreadAlsoDuringCallbacks) {
  constexpr int rounds = 200;
  py.export_function("drop", [&] { static_cast<void>(py.eval<std::vector<Object>>("[object(), [], {}]")); });
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] {
      for (int i = 0; i < rounds; ++i) {
        Object mine = py.eval<Object>("object()");
        if (k % 2 == 0) py.exec("drop()");
        std::thread([gone = std::move(mine)]() mutable { gone = Object(); }).join();
        Object kept = py.eval<Object>("[]");
        py.call([&kept] { kept = Object(); });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(py.stats().live_objects, 0u);
  EXPECT_EQ(py.eval<int>("__import__('py4cpp').stats()['live_objects']"), 0);
}

TEST_F(Handles, AMillionAreHeldAndReleased) {
  constexpr int count = 1'000'000;
  py.exec("class Thing: pass\nthings = [Thing() for _ in range(1000)]");
  const auto before = py.stats().live_objects;
  {
    std::vector<Object> objects;
    objects.reserve(count);
    while (objects.size() < count) {
      for (auto& thing : py.eval<std::vector<Value>>("things")) objects.push_back(thing.as<Object>());
    }
    EXPECT_EQ(py.stats().live_objects, before + count);
    EXPECT_EQ(objects.back().type(), "__main__.Thing");
  }
  EXPECT_EQ(py.stats().live_objects, before);
  EXPECT_EQ(py.eval<std::uint64_t>("__import__('py4cpp').stats()['live_objects']"), before);
}

}  // namespace py4cpp::test
