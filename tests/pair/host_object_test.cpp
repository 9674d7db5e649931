// C++ objects in Python's hands.
#include "pair_fixture.hpp"

#include <stdexcept>

namespace shapes {
struct Base {
  int id = 7;
};
}  // namespace shapes

namespace py4cpp::test {

struct Thing : shapes::Base {
  int size = 1;
  std::string name = "first";
  const double weight = 2.5;
  std::vector<int> parts{1, 2};
  int func(int x) const { return 2 * x; }
  void grow(int by) { size += by; }
  int doubled() const noexcept { return 2 * size; }
  [[noreturn]] int fail() { throw std::out_of_range("no such part"); }
};

HostObject<Thing> shown(Thing& thing) {
  return host_object(thing)
      .attr("size", &Thing::size)
      .attr("name", &Thing::name)
      .attr("weight", &Thing::weight)
      .attr("parts", &Thing::parts)
      .attr("id", &Thing::id)
      .attr("doubled", &Thing::doubled)
      .attr(
          "half", [](const Thing& t) { return t.size / 2; }, [](Thing& t, int half) { t.size = 2 * half; })
      .method("func", &Thing::func)
      .method("grow", &Thing::grow, {"by"})
      .method("fail", &Thing::fail)
      .method("describe", [](const Thing& t, std::string_view prefix) { return std::string(prefix) + t.name; });
}

class HostObjects : public PairTest {
 protected:
  HostObjects() { py.exec("def identity(x): return x"); }
  Thing thing;
};

TEST_F(HostObjects, AreReadAndWritten) {
  const auto h = shown(thing);
  EXPECT_EQ(py.eval<int>("t.func(t.size)", "t"_a = h), 2);
  py.exec("t.name = 'x'; t.size = 21; t.parts = [3]; t.id = -1", "t"_a = h);
  EXPECT_EQ(thing.name, "x");
  EXPECT_EQ(thing.size, 21);
  EXPECT_EQ(thing.parts, std::vector{3});
  EXPECT_EQ(thing.id, -1);
  EXPECT_EQ(py.eval<int>("t.func(t.size)", "t"_a = h), 42);
  EXPECT_EQ(py.eval<int>("t.doubled", "t"_a = h), 42);
  py.exec("t.half = 4; t.grow(by=2); t.grow(-1)", "t"_a = h);
  EXPECT_EQ(thing.size, 9);
  EXPECT_EQ(py.eval<std::string>("t.describe('is ')", "t"_a = h), "is x");
  EXPECT_EQ(py.attr<int>(h, "size"), 9);
  EXPECT_EQ(py.method<int>(h, "func", 4), 8);
}

TEST_F(HostObjects, ComeBackAsThemselves) {
  const auto h = shown(thing);
  Thing& same = py.call<Object>("identity", h).host<Thing>();
  EXPECT_EQ(&same, &thing);
  EXPECT_EQ(&py.eval("t", "t"_a = h).as<Object>().host<Thing>(), &thing);
  EXPECT_EQ(&py.eval("[t]", "t"_a = h)[0].as<Object>().host<Thing>(), &thing);
  EXPECT_EQ(&Value(h).as<Object>().host<Thing>(), &thing) << "without Python, too";
  Thing* seen = nullptr;
  py.export_function("look", [&](Object o) { seen = &o.host<Thing>(); });
  py.exec("look(t)", "t"_a = h);
  EXPECT_EQ(seen, &thing);
  EXPECT_TRUE(py.eval<bool>("a is b and {a: 1}[b] == 1", "a"_a = h, "b"_a = h));
}

TEST_F(HostObjects, OfAnotherTypeAreAConversionError) {
  const Object o = py.call<Object>("identity", shown(thing));
  EXPECT_THROW(o.host<shapes::Base>(), ConversionError);
  EXPECT_THROW(o.host_ptr<int>(), ConversionError);
  EXPECT_THROW(py.eval<Object>("[]").host<Thing>(), ConversionError);
  EXPECT_THROW(Value(std::function<int()>([] { return 1; })).as<Object>().host<Thing>(), ConversionError);
  EXPECT_THROW(Object().host<Thing>(), Error);
  const auto error = thrown_by<ConversionError>([&] { o.host_ptr<int>(); });
  EXPECT_NE(error.expected().find("int"), std::string::npos) << error.what();
  EXPECT_NE(error.found().find("Thing"), std::string::npos) << error.what();
  EXPECT_EQ(&o.host<const Thing>(), &thing);
  const Thing& fixed = thing;
  const auto h = host_object(fixed).attr("size", &Thing::size).method("func", &Thing::func);
  EXPECT_EQ(py.eval<int>("t.func(t.size)", "t"_a = h), 2);
  EXPECT_THROW(py.exec("t.size = 2", "t"_a = h), errors::AttributeError);
  EXPECT_THROW(py.call<Object>("identity", h).host<Thing>(), ConversionError);
  EXPECT_EQ(&py.call<Object>("identity", h).host<const Thing>(), &thing);
}

TEST_F(HostObjects, GivenAsConstComeBackAsConst) {
  const std::string text = "fixed";
  const auto handle = py.call<py4cpp::Object>(py.eval<py4cpp::Object>("lambda x: x"), py4cpp::host_object(text));
  EXPECT_EQ(&handle.host<const std::string>(), &text);
  const auto error = thrown_by<py4cpp::ConversionError>([&] { handle.host<std::string>(); });
  EXPECT_NE(error.found().find("const"), std::string::npos) << error.what();
}

TEST_F(HostObjects, MovedFromSayThatTheyAre) {
  std::string text;
  auto first = py4cpp::host_object(text).method("size", &std::string::size);
  const auto second = std::move(first);
  EXPECT_EQ(py.eval<int>("t.size()", "t"_a = second), 0);
  // NOLINTBEGIN(bugprone-use-after-move)
  EXPECT_EQ(thrown_by<py4cpp::Error>([&] { py.call("id", first); }).kind(), py4cpp::ErrorKind::invalid);
  EXPECT_THROW(first.method("size", &std::string::size), py4cpp::Error);
  // NOLINTEND(bugprone-use-after-move)
}

TEST_F(HostObjects, LookLikeObjectsOfAClass) {
  const auto h = shown(thing);
  EXPECT_EQ(py.eval<std::string>("type(t).__name__", "t"_a = h), "Thing");
  EXPECT_NE(py.eval<std::string>("repr(t)", "t"_a = h).find("Thing"), std::string::npos);
  EXPECT_TRUE(py.eval<bool>("{'size', 'name', 'func', 'doubled', 'half'} <= set(dir(t))", "t"_a = h));
  EXPECT_EQ(py.eval<std::string>("str(__import__('inspect').signature(t.grow))", "t"_a = h), "(by)");
  EXPECT_TRUE(py.eval<bool>("hasattr(t, 'size') and not hasattr(t, 'other') and not callable(t)", "t"_a = h));
  EXPECT_TRUE(py.eval<bool>("t.func.__self__ is t and getattr(t, 'func')(1) == 2", "t"_a = h));
  py.exec("setattr(t, 'size', 5)", "t"_a = h);
  EXPECT_EQ(thing.size, 5);
  const Object o = py.call<Object>("identity", h);
  const auto methods = o.methods(), slots = o.slots();
  EXPECT_NE(std::find(methods.begin(), methods.end(), "func"), methods.end());
  EXPECT_NE(std::find(slots.begin(), slots.end(), "size"), slots.end());
  EXPECT_EQ(o.attr<int>("size"), 5);
  o.set_attr("size", 6);
  EXPECT_EQ(thing.size, 6);
}

TEST_F(HostObjects, ErrorsNameWhatWasWrong) {
  const auto h = shown(thing);
  const auto message = [&](const char* code) -> std::string {
    return thrown_by<PythonError>([&] { py.exec(code, "t"_a = h); }).what();
  };
  EXPECT_THROW(py.exec("t.other", "t"_a = h), errors::AttributeError);
  EXPECT_THROW(py.exec("t.other = 1", "t"_a = h), errors::AttributeError);
  EXPECT_THROW(py.exec("t.weight = 1", "t"_a = h), errors::AttributeError);
  EXPECT_THROW(py.exec("t.doubled = 1", "t"_a = h), errors::AttributeError);
  EXPECT_THROW(py.exec("del t.size", "t"_a = h), errors::AttributeError);
  for (const char* code : {"t.other", "t.other = 1", "t.weight = 1", "del t.size"}) {
    EXPECT_NE(message(code).find("Thing"), std::string::npos) << message(code);
  }
  EXPECT_THROW(py.exec("t.size = 'text'", "t"_a = h), errors::TypeError);
  EXPECT_NE(message("t.size = 'text'").find("'size'"), std::string::npos) << message("t.size = 'text'");
  EXPECT_THROW(py.exec("t.func('text')", "t"_a = h), errors::TypeError);
  EXPECT_THROW(py.exec("t.func()", "t"_a = h), errors::TypeError);
  EXPECT_THROW(py.exec("t.grow(amount=1)", "t"_a = h), errors::TypeError);
  EXPECT_THROW(py.exec("t()", "t"_a = h), errors::TypeError);
  EXPECT_THROW(py.exec("type(t)()", "t"_a = h), errors::TypeError);
  EXPECT_THROW(py.exec("import pickle; pickle.dumps(t)", "t"_a = h), errors::TypeError);
  EXPECT_THROW(py.exec("t.fail()", "t"_a = h), std::out_of_range) << "itself, where nobody catches it";
  py.exec("import py4cpp\ntry:\n    t.fail()\nexcept py4cpp.HostError as e:\n    seen = str(e)", "t"_a = h);
  EXPECT_EQ(py.eval<std::string>("seen"), "no such part");
  EXPECT_THROW(host_object(thing).attr("not a name", &Thing::size), Error);
  EXPECT_THROW(host_object(std::shared_ptr<Thing>()), Error);
  EXPECT_EQ(thing.size, 1);
  EXPECT_EQ(py.eval<int>("t.size", "t"_a = h), 1);
}

TEST_F(HostObjects, AreSharedAndFreedWhenPythonDropsThem) {
  auto shared = std::make_shared<Thing>();
  const std::weak_ptr<Thing> watch = shared;
  py.exec("kept = t", "t"_a = host_object(shared).attr("size", &Thing::size));
  shared->size = 12;
  shared.reset();
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(py.eval<int>("kept.size"), 12);
  {
    const auto again = py.eval<Object>("kept").host_ptr<Thing>();
    EXPECT_EQ(again->size, 12);
  }
  py.exec("del kept");
  for (int i = 0; i < 1000 && !watch.expired(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    py.eval("1");
  }
  EXPECT_TRUE(watch.expired());
}

TEST_F(HostObjects, AreUsedInContainersAndByPythonsThreads) {
  std::vector<Value> all;
  std::vector<Thing> things(50);
  for (auto& each : things) all.push_back(host_object(each).attr("size", &Thing::size));
  EXPECT_EQ(py.eval<int>("sum(t.size for t in ts)", "ts"_a = all), 50);
  EXPECT_EQ(py.eval<int>("len({type(t) for t in ts})", "ts"_a = all), 1) << "one class for one set of members";
  py.exec(
      "import threading\n"
      "def work(part):\n    for t in part: t.size = t.size + 1\n"
      "threads = [threading.Thread(target=work, args=(ts[i::5],)) for i in range(5)]\n"
      "for t in threads: t.start()\n"
      "for t in threads: t.join()",
      "ts"_a = all);
  for (const auto& each : things) EXPECT_EQ(each.size, 2);
}

TEST_F(HostObjects, AreGlobalsOfPython) {
  py.set("thing", shown(thing));
  py.exec("def work():\n    thing.size += 41\n    return thing.size");
  EXPECT_EQ(py.call<int>("work"), 42);
  EXPECT_EQ(py.chain("thing").call_method("func", 4).get<int>(), 8);
  py.chain("thing").attr("name").set("chained");
  EXPECT_EQ(thing.name, "chained");
}

}  // namespace py4cpp::test
