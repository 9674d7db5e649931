#include <py4cpp/callable.hpp>
#include <py4cpp/convert.hpp>

#include "fake_peer.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace py4cpp {
namespace {

int twice(int x) { return 2 * x; }
double half(double x) noexcept { return x / 2; }

struct Overloaded {
  int operator()(int x) { return x; }
  double operator()(double x) { return x; }
};
struct TakesLongDouble {
  void operator()(long double) {}
};

static_assert(Callable<int (*)(int)> && Callable<std::function<int(int)>> && !Callable<Overloaded> &&
              !Callable<TakesLongDouble> && !Callable<int> && !Callable<Object> && !Callable<Value>);
constexpr auto generic = [](auto x) { return x; };
static_assert(!Callable<std::remove_const_t<decltype(generic)>>);

using Named = HostCallable::NamedValues;

std::string refusal(HostCallable& callable, std::vector<Value> positional, Named named = {}) {
  try {
    callable.call(std::move(positional), std::move(named));
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Callable, IsMadeOfWhateverHasOneSignature) {
  EXPECT_EQ(make_callable(&twice)->call({4}, {}), 8);
  EXPECT_EQ(make_callable(twice)->call({4}, {}), 8);
  EXPECT_EQ(make_callable(half)->call({5}, {}), 2.5);
  EXPECT_EQ(make_callable(std::function<int(int)>(twice))->call({4}, {}), 8);
  EXPECT_EQ(make_callable([](std::string a, const std::string& b) { return a + b; })->call({"x", "y"}, {}), "xy");
  EXPECT_EQ(make_callable([n = 0]() mutable { return ++n; })->call({}, {}), 1);
  EXPECT_EQ(make_callable([]() {})->call({}, {}), Value());
  EXPECT_EQ(make_callable([p = std::make_unique<int>(3)](int x) { return *p + x; })->call({4}, {}), 7);
  const auto by_reference = [](std::vector<int>& xs, std::vector<int>&& ys) {
    xs.push_back(static_cast<int>(ys.size()));
    return xs;
  };
  EXPECT_EQ(make_callable(by_reference)->call({List{1}, List{2, 3}}, {}), Value(List{1, 2}));
}

TEST(Callable, TakesKeywordsByTheGivenNames) {
  const auto callable = make_callable([](int a, double k) { return a * k; }, {"a", "k"});
  EXPECT_EQ(callable->names(), (std::vector<std::string>{"a", "k"}));
  EXPECT_EQ(callable->call({2, 1.5}, {}), 3.0);
  EXPECT_EQ(callable->call({2}, {{"k", 1.5}}), 3.0);
  EXPECT_EQ(callable->call({}, {{"k", 1.5}, {"a", 2}}), 3.0);
  EXPECT_EQ(refusal(*callable, {2}), "expected 2 arguments, found 1");
  EXPECT_EQ(refusal(*callable, {2, 3, 4}), "expected 2 arguments, found 3");
  EXPECT_EQ(refusal(*callable, {2, 3}, {{"k", 4}}), "argument 'k': expected one value, found several");
  EXPECT_EQ(refusal(*callable, {2}, {{"a", 4}}), "argument 'a': expected one value, found several");
  EXPECT_EQ(refusal(*callable, {}, {{"k", 1}, {"k", 2}}), "argument 'k': expected one value, found several");
  EXPECT_EQ(refusal(*callable, {2}, {{"x", 4}}), "expected one of its parameters' names, found keyword 'x'");
  EXPECT_EQ(refusal(*callable, {}, {{"k", 4}}), "argument 'a': expected a value, found none");
  EXPECT_EQ(refusal(*make_callable(twice), {}, {{"x", 4}}),
            "expected no keywords: the C++ callable was given no parameter names, found keyword 'x'");
  EXPECT_THROW(make_callable(twice, {"a", "b"}), Error);
  EXPECT_THROW(make_callable([](int, int) {}, {"a", "a"}), Error);
}

TEST(Callable, SaysWhichArgumentDoesNotConvert) {
  const auto callable = make_callable([](std::vector<int>, double) {}, {"xs", "k"});
  EXPECT_EQ(refusal(*callable, {List{1, "x"}, 1}),
            "argument 'xs'[1]: expected int in -2147483648..2147483647, found str 'x'");
  EXPECT_EQ(refusal(*make_callable(half), {"x"}), "argument 1: expected float, found str 'x'");
}

TEST(Callable, LetsWhatItThrowsThrough) {
  const auto callable = make_callable([](int x) {
    if (x == 0) throw std::out_of_range("zero");
    return Value("text").as<int>();
  });
  EXPECT_THROW(callable->call({0}, {}), std::out_of_range);
  try {
    callable->call({1}, {});
    FAIL();
  } catch (const ArgumentError&) {
    FAIL() << "a conversion in the callable's body is no bad argument";
  } catch (const ConversionError&) {
  }
}

TEST(Callable, TakesParametersThatOnlyRefer) {
  EXPECT_EQ(make_callable([](std::string_view a, const char* b) { return std::string(a) + b; })->call({"x", "y"}, {}),
            "xy");
  const auto sum = [](std::span<const double> xs) {
    double total = 0;
    for (const double x : xs) total += x;
    return total;
  };
  const double xs[] = {1, 2, 3, 4};
  const AnyArray array = AnyArray::copy_of(float64, {2, 2}, xs, 1024);
  EXPECT_EQ(make_callable(sum)->call({array}, {}), 10.0);
  EXPECT_EQ(make_callable(sum)->call({List{1, 2.5}}, {}), 3.5);
  auto strided = std::make_shared<ArrayState>(*array.state());
  strided->layout = Layout{float64, {2}, {-2}};
  strided->data += 2 * sizeof(double);
  EXPECT_EQ(make_callable(sum)->call({AnyArray(strided)}, {}), 4.0);
  const auto scale = make_callable([](std::span<double> values) { values[0] = 10; });
  scale->call({array}, {});
  EXPECT_EQ(array.as<double>().data()[0], 10.0);
  EXPECT_EQ(refusal(*scale, {AnyArray(strided)}).substr(0, 50), "argument 1: expected a contiguous writable array, ");
  EXPECT_EQ(refusal(*scale, {array.read_only()}).substr(0, 50), "argument 1: expected a contiguous writable array, ");
  const auto join = [](std::span<const std::string> words) { return words.empty() ? std::string() : words[0] + "!"; };
  EXPECT_EQ(make_callable(join)->call({List{"a", "b"}}, {}), "a!");
}

TEST(Callable, TakesAndGivesAnythingThatTravels) {
  const auto callable = make_callable([](std::optional<int> a, Value b, Object c, std::tuple<int, std::string> d) {
    return std::make_tuple(a, b, c, std::get<1>(d));
  });
  const Object object;
  const Value result = callable->call({None{}, List{1}, object, Tuple{1, "x"}}, {});
  EXPECT_EQ(to_string(result), "(None, [1], <no object>, 'x')");
}

TEST(Callable, ComesBackAsAFunction) {
  const Value value(twice);
  const auto f = value.as<std::function<int(int)>>();
  EXPECT_EQ(f(21), 42);
  const auto g = value.as<std::function<std::string(int)>>();
  EXPECT_THROW(g(1), ConversionError);
  EXPECT_FALSE(Value().as<std::function<int(int)>>());
  EXPECT_EQ(Value(std::function<int(int)>()), Value());
  EXPECT_THROW(Value(1).as<std::function<int(int)>>(), ConversionError);

  const auto peer = std::make_shared<FakePeer>();
  const auto remote = Value(peer->object(7)).as<std::function<int(int)>>();
  peer->answer(5);
  EXPECT_EQ(remote(3), 5);
  EXPECT_EQ(peer->steps(), "value call(1,0)");
  EXPECT_EQ(peer->values(), "[<object 7>, 3]");
}

}  // namespace
}  // namespace py4cpp
