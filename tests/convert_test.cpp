#include <py4cpp/big_int.hpp>
#include <py4cpp/convert.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/object.hpp>

#include "fake_peer.hpp"
#include "refusal.hpp"

#include <gtest/gtest.h>

#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xfixed.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <complex>
#include <filesystem>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

struct Point {
  double x, y;
};

template <>
struct py4cpp::Convert<Point> {
  static Value to(const Point& p) { return Value(Tuple{p.x, p.y}); }
  static Point from(const Value& v) { return {v[0].as<double>(), v[1].as<double>()}; }
};

namespace py4cpp {
namespace {

using namespace std::chrono_literals;

template <class T>
T back(const Value& value) {
  return value.as<T>();
}

template <class T>
void expect_same(const T& x, const std::string& repr) {
  const Value value(x);
  EXPECT_EQ(to_string(value), repr);
  EXPECT_EQ(value.as<T>(), x);
}

TEST(Convert, TakesIntegersOfEverySize) {
  expect_same<std::int8_t>(-128, "-128");
  expect_same<std::uint8_t>(255, "255");
  expect_same<short>(-32768, "-32768");
  expect_same<unsigned>(4294967295u, "4294967295");
  expect_same<long>(std::numeric_limits<long>::min(), "-9223372036854775808");
  expect_same<unsigned long long>(18446744073709551615ull, "18446744073709551615");
  expect_same<BigInt>(BigInt("-123456789012345678901234567890"), "-123456789012345678901234567890");
  expect_same<BigInt>(BigInt(5), "5");
  EXPECT_EQ(back<int>(true), 1);
  EXPECT_EQ(back<std::uint64_t>(BigInt("9223372036854775808")), 9223372036854775808ull);
}

TEST(Convert, NeverNarrowsInSilence) {
  EXPECT_EQ(refusal<std::int8_t>(128), "expected int in -128..127, found int 128");
  EXPECT_EQ(refusal<std::int8_t>(-129), "expected int in -128..127, found int -129");
  EXPECT_EQ(refusal<unsigned>(-1), "expected int in 0..4294967295, found int -1");
  EXPECT_NE(refusal<std::int64_t>(BigInt("9223372036854775808")), "accepted");
  EXPECT_NE(refusal<std::uint64_t>(BigInt("18446744073709551616")), "accepted");
  EXPECT_NE(refusal<std::uint64_t>(BigInt("-9223372036854775809")), "accepted");
  EXPECT_EQ(refusal<int>(1.0), "expected int in -2147483648..2147483647, found float 1.0");
  EXPECT_EQ(refusal<int>("5"), "expected int in -2147483648..2147483647, found str '5'");
  EXPECT_NE(refusal<int>(None{}), "accepted");
  EXPECT_EQ(refusal<float>(1e300), "expected a number that a 32-bit float can hold, found float 1e+300");
  EXPECT_NE(refusal<double>(BigInt(1) << 2000), "accepted");
  EXPECT_NE(refusal<double>(std::complex<double>(1, 0)), "accepted");
}

TEST(Convert, TakesBoolsOnlyAsBools) {
  EXPECT_TRUE(back<bool>(true));
  EXPECT_EQ(refusal<bool>(1), "expected bool, found int 1");
  EXPECT_EQ(refusal<bool>(None{}), "expected bool, found None");
  EXPECT_EQ(refusal<bool>("x"), "expected bool, found str 'x'");
}

TEST(Convert, TakesFloatsBitForBit) {
  expect_same(0.1, "0.1");
  expect_same(-0.0, "-0.0");
  EXPECT_TRUE(std::signbit(back<double>(-0.0)));
  expect_same(std::numeric_limits<double>::infinity(), "inf");
  expect_same(std::numeric_limits<float>::denorm_min(), "1.401298464324817e-45");
  EXPECT_EQ(back<float>(std::numeric_limits<double>::infinity()), std::numeric_limits<float>::infinity());
  const auto payload = std::bit_cast<double>(0x7ff4000000001234ull);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(back<double>(payload)), 0x7ff4000000001234ull);
  for (const std::uint32_t bits : {0x7f800001u, 0xffc01234u, 0x7fffffffu}) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(back<float>(std::bit_cast<float>(bits))), bits);
  }
  EXPECT_TRUE(std::isnan(back<float>(std::bit_cast<double>(0x7ff0000000000001ull))));
  EXPECT_EQ(back<double>(3), 3.0);
  EXPECT_EQ(back<double>(BigInt(1) << 100), std::ldexp(1.0, 100));
  expect_same(std::complex<float>(1, -2), "(1-2j)");
  EXPECT_EQ(back<std::complex<double>>(2), std::complex<double>(2));
  EXPECT_EQ(back<std::complex<double>>(2.5), std::complex<double>(2.5));
  EXPECT_EQ(static_cast<float>(back<Float16>(1.5)), 1.5f);
}

TEST(Convert, TakesTextAndBytes) {
  expect_same<std::string>("héllo", "'héllo'");
  expect_same<std::string>(std::string("a\0b", 3), "'a\\x00b'");
  expect_same<std::string>(std::string(100, 'x'), "'" + std::string(100, 'x') + "'");
  expect_same<char>('c', "'c'");
  EXPECT_NE(refusal<char>("cc"), "accepted");
  EXPECT_NE(refusal<char>("é"), "accepted");
  EXPECT_THROW(Value('\xe9'), Error);
  EXPECT_EQ(Value(static_cast<const char*>("x")), "x");
  EXPECT_THROW(Value(static_cast<const char*>(nullptr)), Error);
  expect_same(Bytes{std::byte{0}, std::byte{255}}, "b'\\x00\\xff'");
  EXPECT_EQ(refusal<std::string>(Bytes{}), "expected str, found bytes b''");
  EXPECT_EQ(refusal<Bytes>("x"), "expected bytes, found str 'x'");
  expect_same<std::filesystem::path>("/tmp/a b", "'/tmp/a b'");
  const std::byte bytes[] = {std::byte{1}};
  EXPECT_EQ(Value(std::span(bytes)), Value(Bytes{std::byte{1}}));
}

TEST(Convert, TakesTheStandardContainers) {
  expect_same<std::vector<int>>({1, 2}, "[1, 2]");
  expect_same<std::vector<bool>>({true, false}, "[True, False]");
  expect_same<std::vector<std::vector<std::string>>>({{"a"}, {}}, "[['a'], []]");
  expect_same<std::list<double>>({1.5}, "[1.5]");
  expect_same<std::array<int, 2>>({1, 2}, "[1, 2]");
  expect_same<std::array<int, 0>>({}, "[]");
  expect_same<std::set<int>>({2, 1}, "{1, 2}");
  expect_same<std::map<std::string, int>>({{"a", 1}}, "{'a': 1}");
  expect_same<std::map<std::pair<int, int>, std::vector<int>>>({{{1, 2}, {3}}}, "{(1, 2): [3]}");
  expect_same<std::unordered_map<int, int>>({{1, 2}}, "{1: 2}");
  expect_same<std::pair<int, std::string>>({1, "x"}, "(1, 'x')");
  expect_same<std::tuple<>>({}, "()");
  expect_same<std::tuple<int, double, std::string>>({1, 2.5, "x"}, "(1, 2.5, 'x')");
  expect_same<std::vector<Value>>({1, "x"}, "[1, 'x']");
  expect_same<std::map<std::string, Value>>({{"a", List{1}}}, "{'a': [1]}");
  const std::string words[] = {"a", "b"};
  EXPECT_EQ(Value(std::span(words)), Value(List{"a", "b"}));
}

TEST(Convert, TakesAnyIterableForASequence) {
  EXPECT_EQ(back<std::vector<int>>(Tuple{1, 2}), (std::vector<int>{1, 2}));
  EXPECT_EQ(back<std::vector<int>>(Set{1}), std::vector<int>{1});
  EXPECT_EQ(back<std::vector<std::string>>(Dict{{"a", 1}, {"b", 2}}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(back<std::vector<int>>(Bytes{std::byte{7}}), std::vector<int>{7});
  const std::int16_t xs[] = {1, 2, 3, 4};
  const AnyArray array = AnyArray::copy_of(int16, {2, 2}, xs, 64);
  EXPECT_EQ(back<std::vector<std::vector<int>>>(array), (std::vector<std::vector<int>>{{1, 2}, {3, 4}}));
  EXPECT_EQ((back<std::tuple<int, int>>(List{1, 2})), std::make_tuple(1, 2));
  EXPECT_EQ(back<std::set<int>>(List{1, 1}), std::set<int>{1});
  EXPECT_EQ(back<std::vector<std::string>>("a\u00e9\U0001f389"),
            (std::vector<std::string>{"a", "\u00e9", "\U0001f389"}));
  EXPECT_EQ(back<std::vector<char>>("abc"), (std::vector<char>{'a', 'b', 'c'}));
  EXPECT_EQ(refusal<std::vector<int>>("12"), "[0]: expected int in -2147483648..2147483647, found str '1'");
  EXPECT_EQ(refusal<std::vector<int>>(5), "expected list, found int 5");
}

TEST(Convert, NamesThePathToWhatDoesNotFit) {
  EXPECT_EQ((refusal<std::vector<int>>(List{1, 2, "x"})),
            "[2]: expected int in -2147483648..2147483647, found str 'x'");
  EXPECT_EQ((refusal<std::vector<std::map<std::string, std::int8_t>>>(List{Dict{{"a", 1}}, Dict{{"k", 500}}})),
            "[1]['k']: expected int in -128..127, found int 500");
  EXPECT_EQ((refusal<std::array<int, 2>>(List{1})), "expected 2 elements, found 1");
  EXPECT_EQ((refusal<std::vector<std::tuple<int, int>>>(List{Tuple{1, 2}, Tuple{1}})),
            "[1]: expected 2 elements, found 1");
  EXPECT_EQ((refusal<std::map<int, int>>(Dict{{"a", 1}})),
            "['a']: expected int in -2147483648..2147483647, found str 'a'");
  EXPECT_EQ((refusal<std::map<int, int>>(List{})), "expected dict, found list []");
  EXPECT_EQ(refusal<std::vector<Point>>(List{Tuple{1, 2}, Tuple{1, "y"}}), "[1]: expected float, found str 'y'");
  const std::string huge = refusal<int>(std::string(10'000, 'x'));
  EXPECT_LT(huge.size(), 200u);
}

enum class Color : std::uint8_t { red = 1, blue = 200 };
enum class Mask : std::uint64_t { all = ~std::uint64_t{0} };
enum class Letter : char { a = 'a' };

TEST(Convert, TakesOptionalsVariantsAndEnums) {
  expect_same<std::optional<int>>(5, "5");
  expect_same<std::optional<int>>(std::nullopt, "None");
  expect_same<Color>(Color::blue, "200");
  EXPECT_NE(refusal<Color>(300), "accepted");
  expect_same<std::monostate>({}, "None");

  using Number = std::variant<double, int, std::string, bool>;
  EXPECT_EQ(back<Number>(3).index(), 1u) << "the exact kind first";
  EXPECT_EQ(back<Number>(3.5).index(), 0u);
  EXPECT_EQ(back<Number>("x").index(), 2u);
  EXPECT_EQ(back<Number>(true).index(), 3u);
  EXPECT_EQ(back<Number>(std::int64_t{1} << 40).index(), 0u) << "then in order";
  EXPECT_NE(refusal<Number>(List{}), "accepted");
  using Nested = std::variant<std::vector<int>, std::vector<std::string>, std::map<std::string, int>, std::monostate>;
  EXPECT_EQ(back<Nested>(List{"a"}).index(), 1u);
  EXPECT_EQ(back<Nested>(Dict{{"a", 1}}).index(), 2u);
  EXPECT_EQ(back<Nested>(Value()).index(), 3u);
  using Sizes = std::variant<std::int8_t, std::int64_t, BigInt>;
  EXPECT_EQ(back<Sizes>(5).index(), 0u);
  EXPECT_EQ(back<Sizes>(500).index(), 1u);
  EXPECT_EQ(back<Sizes>(BigInt(1) << 80).index(), 2u);
  using Shapes = std::variant<std::tuple<int, int>, std::vector<int>>;
  EXPECT_EQ(back<Shapes>(List{1, 2}).index(), 1u);
  EXPECT_EQ(back<Shapes>(Tuple{1, 2}).index(), 0u);
  EXPECT_EQ(Value(Number(std::string("x"))), "x");
  expect_same(Mask::all, "18446744073709551615");
  expect_same(Letter::a, "97");
}

TEST(Convert, TakesDurationsToTheMicrosecond) {
  const auto days = [](const Value& value) {
    const auto& delta = dynamic_cast<const TimedeltaObject&>(*value.get_if<Object>()->get());
    return std::make_pair(delta.days(), delta.microseconds());
  };
  EXPECT_EQ(days(Value(1500ms)), std::make_pair(std::int64_t{0}, std::int64_t{1'500'000}));
  EXPECT_EQ(days(Value(-1us)), std::make_pair(std::int64_t{-1}, std::int64_t{86'399'999'999}));
  EXPECT_EQ(days(Value(49h)), std::make_pair(std::int64_t{2}, std::int64_t{3'600'000'000}));
  EXPECT_EQ(days(Value(1500ns)).second, 2) << "half to even";
  EXPECT_EQ(days(Value(2500ns)).second, 2);
  EXPECT_EQ(days(Value(std::chrono::duration<double>(0.1))).second, 100'000);
  EXPECT_EQ(back<std::chrono::microseconds>(Value(123456789us)), 123456789us);
  EXPECT_EQ(back<std::chrono::nanoseconds>(Value(1500ms)), 1500ms);
  EXPECT_EQ(back<std::chrono::duration<double>>(Value(-1500ms)).count(), -1.5);
  EXPECT_EQ(back<std::chrono::seconds>(3), 3s);
  EXPECT_EQ(back<std::chrono::milliseconds>(0.1), 100ms);
  EXPECT_EQ(back<std::chrono::nanoseconds>(1e-9), 1ns);
  EXPECT_EQ(back<std::chrono::duration<float>>(0.5).count(), 0.5f);
  EXPECT_NE(refusal<std::chrono::seconds>(Value(1500ms)), "accepted");
  EXPECT_NE(refusal<std::chrono::seconds>("3"), "accepted");
  EXPECT_NE(refusal<std::chrono::nanoseconds>(Value(std::chrono::hours(24 * 365 * 1000))), "accepted");
  EXPECT_THROW(Value(std::chrono::hours(std::int64_t{24} * 1'000'000'000)), Error);
  EXPECT_THROW(Value(std::chrono::duration<double>(std::nan(""))), Error);
  EXPECT_EQ(Value(std::vector{1s, 2s}).size(), 2u);

  const auto peer = std::make_shared<FakePeer>();
  peer->answer(1'500'000);
  EXPECT_EQ(back<std::chrono::milliseconds>(peer->object(7)), 1500ms);
  EXPECT_EQ(peer->values(), "['operator', 'floordiv', <object 7>, timedelta(days=0, microseconds=1)]");
  peer->raise("TypeError");
  peer->answer(peer->object(7));
  peer->answer(1.5);
  EXPECT_EQ(back<std::chrono::milliseconds>(peer->object(7)), 1500ms);
}

TEST(Convert, SharesArraysAndCopiesExpressions) {
  const auto x = AnyArray::allocate(float32, {2, 2}).as<float>();
  x.view() = xt::ones<float>({2, 2});
  const Value shared(x);
  EXPECT_EQ(shared.get_if<AnyArray>()->state(), x.any().state());
  EXPECT_EQ(back<Array<float>>(shared).data(), x.data());
  EXPECT_EQ(refusal<Array<double>>(shared), "expected array of float64, found array of float32");
  EXPECT_EQ(back<Array<const float>>(shared).data(), x.data());
  EXPECT_NE(Value(x.view()).get_if<AnyArray>()->state()->data, x.any().state()->data) << "a view is copied";
  EXPECT_EQ(Value(x.view()), shared);

  const xt::xarray<double> xs{{1, 2}, {3, 4}};
  const Value copied(xs);
  EXPECT_EQ(copied.get_if<AnyArray>()->shape(), (Shape{2, 2}));
  EXPECT_EQ(back<xt::xarray<double>>(copied), xs);
  EXPECT_EQ((back<xt::xtensor<double, 2>>(copied)), xs);
  EXPECT_EQ((back<xt::xtensor_fixed<double, xt::xshape<2, 2>>>(copied)), xs);
  EXPECT_EQ((back<xt::xarray<double, xt::layout_type::column_major>>(copied)), xs);
  EXPECT_EQ((back<xt::xtensor<double, 2, xt::layout_type::column_major>>(copied)), xs);
  EXPECT_NE((refusal<xt::xtensor<double, 1>>(copied)), "accepted");
  EXPECT_NE((refusal<xt::xtensor_fixed<double, xt::xshape<4>>>(copied)), "accepted");
  const xt::xarray<double, xt::layout_type::column_major> columns = xs;
  EXPECT_EQ(Value(columns), copied);

  EXPECT_EQ(Value(xs + 1.0)[1][1], 5.0);
  EXPECT_EQ(Value(xt::view(xs, 1, xt::all())), Value(xt::xarray<double>{3, 4}));
  const std::vector<bool> bits{true, false, true};
  EXPECT_EQ(Value(xt::adapt(bits, {3})), Value(xt::xarray<bool>{true, false, true}));
  EXPECT_EQ(Value(xs > 2.0).get_if<AnyArray>()->dtype(), boolean);
  EXPECT_EQ(Value(xt::sum(xs)).get_if<AnyArray>()->shape(), Shape{}) << "a reduction stays an array of no dimensions";
  EXPECT_EQ(Value(xt::sum(xs)).as<double>(), 10.0);
  EXPECT_EQ(Value(xt::zeros<int>({0, 3})).get_if<AnyArray>()->shape(), (Shape{0, 3}));
  EXPECT_EQ(Value(xt::xtensor_fixed<int, xt::xshape<2>>{1, 2}).get_if<AnyArray>()->dtype(), int32);
}

TEST(Convert, WidensArraysIntoContainers) {
  const std::int32_t xs[] = {1, 2};
  const Value ints(AnyArray::copy_of(int32, {2}, xs, 64));
  EXPECT_EQ(back<xt::xarray<double>>(ints), (xt::xarray<double>{1, 2}));
  EXPECT_EQ(back<xt::xarray<std::int64_t>>(ints), (xt::xarray<std::int64_t>{1, 2}));
  EXPECT_EQ(back<xt::xarray<std::int8_t>>(ints), (xt::xarray<std::int8_t>{1, 2}));
  const std::int64_t large[] = {1, 2, 3, 1000};
  const Value longs(AnyArray::copy_of(int64, {2, 2}, large, 64));
  EXPECT_EQ(refusal<xt::xarray<std::int8_t>>(longs), "[1][1]: expected int in -128..127, found int 1000");
  EXPECT_EQ(back<std::vector<std::int64_t>>(AnyArray::copy_of(int64, {4}, large, 64)).back(), 1000);
  EXPECT_EQ(refusal<Array<double>>(ints), "expected array of float64, found array of int32");
}

TEST(Convert, TakesNestedListsAsXtensorContainers) {
  EXPECT_EQ(back<xt::xarray<double>>(List{1}), xt::xarray<double>{1});
  EXPECT_EQ((back<xt::xtensor<int, 2>>(List{Tuple{1, 2}, List{3, 4}})), (xt::xtensor<int, 2>{{1, 2}, {3, 4}}));
  EXPECT_EQ(back<xt::xarray<double>>(2.5), xt::xarray<double>(2.5));
  EXPECT_EQ(back<xt::xarray<double>>(List()).size(), 0u);
  EXPECT_EQ((refusal<xt::xtensor<int, 2>>(List{List{1, 2}, List{3}})),
            "[1]: expected a row of 2 numbers, found list [3]");
  EXPECT_EQ((refusal<xt::xtensor<int, 2>>(List{List{1, 2}, 3})), "[1]: expected a row of 2 numbers, found int 3");
  EXPECT_EQ(refusal<xt::xarray<double>>(List{Value(List{1, "x"})}), "[0][1]: expected float, found str 'x'");
  EXPECT_EQ((refusal<xt::xtensor<int, 1>>(5)), "expected array of 1 dimension, found int32 array of shape ()");
  EXPECT_EQ(refusal<xt::xarray<double>>(None{}), "expected float, found None");
}

TEST(Convert, TakesSpansOfNumbersAsArrays) {
  const std::vector<double> xs{1, 2, 3};
  const Value value{std::span(xs)};
  EXPECT_EQ(value.get_if<AnyArray>()->shape(), Shape{3});
  EXPECT_EQ(value[2], 3.0);
  std::vector<float> ys{1};
  EXPECT_EQ(Value(std::span(ys)).get_if<AnyArray>()->dtype(), float32);
}

TEST(Convert, TakesTheNumberInAnArrayOfNoDimensions) {
  const double x = 2.5;
  const std::int64_t n = 5;
  EXPECT_EQ(back<double>(AnyArray::copy_of(float64, {}, &x, 64)), 2.5);
  EXPECT_EQ(back<int>(AnyArray::copy_of(int64, {}, &n, 64)), 5);
  EXPECT_NE(refusal<double>(AnyArray::copy_of(float64, {1}, &x, 64)), "accepted");
}

TEST(Convert, TakesAUsersOwnType) {
  const Point p{1, 2};
  EXPECT_EQ(to_string(Value(p)), "(1.0, 2.0)");
  EXPECT_EQ(to_string(Value(std::vector{p, p})), "[(1.0, 2.0), (1.0, 2.0)]");
  EXPECT_EQ(back<std::vector<Point>>(List{Tuple{1, 2}}).at(0).y, 2.0);
  EXPECT_EQ((back<std::map<std::string, Point>>(Dict{{"p", Tuple{1, 2}}}).at("p").x), 1.0);
  EXPECT_EQ(back<std::optional<Point>>(Tuple{1, 2})->y, 2.0);
  EXPECT_FALSE(back<std::optional<Point>>(None{}));
  EXPECT_EQ((std::get<1>(back<std::tuple<int, Point>>(Tuple{1, Tuple{3, 4}})).x), 3.0);
  EXPECT_EQ((std::get<Point>(back<std::variant<int, Point>>(Tuple{3, 4})).x), 3.0);
  EXPECT_EQ(to_string(make_callable([](Point q) { return Point{q.y, q.x}; })->call({Tuple{1, 2}}, {})), "(2.0, 1.0)");
}

TEST(Convert, KeepsValuesAsTheyAre) {
  const Value list(List{1, 2});
  EXPECT_EQ(list.as<Value>(), list);
  EXPECT_EQ(list.as<List>(), (List{1, 2}));
  EXPECT_EQ(list.as<Tuple>(), (Tuple{1, 2}));
  EXPECT_EQ(list.as<Set>(), (Set{2, 1}));
  EXPECT_EQ(refusal<Tuple>(5), "expected tuple, found int 5");
  EXPECT_EQ(refusal<List>(None{}), "expected list, found None");
  EXPECT_EQ(refusal<Object>(list),
            "expected a handle (plain values have none: ask Python for an Object), found list [1, 2]");
  EXPECT_EQ(from_value<int>(to_value(5)), 5);
  EXPECT_EQ(back<Dict>(Dict{{1, 2}}), (Dict{{1, 2}}));
  EXPECT_EQ(refusal<None>(1), "expected None, found int 1");
}

}  // namespace
}  // namespace py4cpp
