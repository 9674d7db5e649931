#include <py4cpp/object.hpp>

#include "fake_peer.hpp"

#include <gtest/gtest.h>

#include <complex>
#include <map>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

namespace py4cpp {
namespace {

using namespace literals;

static_assert(!std::is_convertible_v<Object, bool> && !std::is_constructible_v<bool, Object>, "never silently a bool");

class ObjectTest : public testing::Test {
 protected:
  std::shared_ptr<FakePeer> peer_ = std::make_shared<FakePeer>();
};

TEST_F(ObjectTest, CallsItselfAndItsMethods) {
  const Object f = peer_->object(7);
  peer_->answer(6);
  EXPECT_EQ(f(3).as<int>(), 6);
  EXPECT_EQ(peer_->steps(), "value call(1,0)");
  EXPECT_EQ(peer_->values(), "[<object 7>, 3]");
  EXPECT_EQ(peer_->asked.back().want, Want::value);

  peer_->answer(6);
  EXPECT_EQ(f.call<int>("x"_a = 1, 3, kw("y", "z")), 6);
  EXPECT_EQ(peer_->steps(), "value call(1,2)");
  EXPECT_EQ(peer_->values(), "[<object 7>, 3, 'x', 1, 'y', 'z']");

  f.method<void>("fit", std::vector{1, 2}, "deep"_a = true);
  EXPECT_EQ(peer_->steps(), "value attribute call(1,1)");
  EXPECT_EQ(peer_->values(), "[<object 7>, 'fit', [1, 2], 'deep', True]");
  EXPECT_EQ(peer_->asked.back().want, Want::nothing);
  f.method("fit");
}

TEST_F(ObjectTest, ReadsAndWritesAttributesAndItems) {
  const Object d = peer_->object(7);
  peer_->answer(peer_->object(8));
  const auto coefficients = d.attr<Object>("coef_");
  EXPECT_EQ(peer_->steps(), "value attribute");
  EXPECT_EQ(peer_->asked.back().want, Want::object);
  EXPECT_TRUE(coefficients.same(peer_->object(8)));

  d.set_attr("n_jobs", 2);
  EXPECT_EQ(peer_->steps(), "value set_attribute");
  EXPECT_EQ(peer_->values(), "[<object 7>, 'n_jobs', 2]");

  peer_->answer(1);
  EXPECT_EQ(d.item<int>("a"), 1);
  EXPECT_EQ(peer_->steps(), "value item(1,0)");
  d.item(0, Slice{1, 10});
  EXPECT_EQ(peer_->steps(), "value item(2,0)");
  EXPECT_EQ(peer_->values(), "[<object 7>, 0, slice(1, 10, None)]");
  d.set_item("b", 4);
  EXPECT_EQ(peer_->steps(), "value set_item(1,0)");
  EXPECT_EQ(peer_->values(), "[<object 7>, 'b', 4]");
  d.set_item(0, 1, 4.5);
  EXPECT_EQ(peer_->steps(), "value set_item(2,0)");
  d.del_item("a");
  EXPECT_EQ(peer_->steps(), "value delete_item(1,0)");
}

TEST_F(ObjectTest, AsksByFullNamesWhateverTheGlobalsAre) {
  const Object d = peer_->object(7);
  peer_->answer(3);
  EXPECT_EQ(d.len(), 3u);
  EXPECT_EQ(peer_->steps(), "import_module attribute call(1,0)");
  EXPECT_EQ(peer_->values(), "['builtins', 'len', <object 7>]");
  peer_->answer(true);
  EXPECT_TRUE(d.contains("b"));
  EXPECT_EQ(peer_->values(), "['operator', 'contains', <object 7>, 'b']");
  peer_->answer("text");
  EXPECT_EQ(d.str(), "text");
  peer_->answer("repr");
  EXPECT_EQ(d.repr(), "repr");
  peer_->answer("dict");
  EXPECT_EQ(d.type(), "dict");
  EXPECT_EQ(peer_->values(), "['py4cpp._introspect', 'type_name', <object 7>]");
  peer_->answer(List{"a", "b"});
  EXPECT_EQ(d.slots(), (std::vector<std::string>{"a", "b"}));
  peer_->answer(List{"m"});
  EXPECT_EQ(d.methods(), (std::vector<std::string>{"m"}));
}

TEST_F(ObjectTest, IsFetchedByAs) {
  peer_->answer(Dict{{"a", 1}});
  EXPECT_EQ((peer_->object(7).as<std::map<std::string, int>>()), (std::map<std::string, int>{{"a", 1}}));
  EXPECT_EQ(peer_->steps(), "value");
  const Value handle(peer_->object(7));
  peer_->answer(List{1, 2});
  EXPECT_EQ(handle.as<std::vector<int>>(), (std::vector<int>{1, 2}));
}

TEST_F(ObjectTest, IsAskedByAValueThatHoldsIt) {
  const Value handle(peer_->object(7));
  peer_->answer(5);
  EXPECT_EQ(handle.size(), 5u);
  peer_->answer("x");
  EXPECT_EQ(handle[-1], "x");
  EXPECT_EQ(peer_->steps(), "value item(1,0)");
  peer_->answer(1);
  EXPECT_EQ(handle["key"], 1);
}

// What has no plain value is converted by Python's own protocols.
TEST_F(ObjectTest, IsConvertedByPythonWhereItHasNoPlainValue) {
  const Value fraction(peer_->object(7));
  peer_->answer(fraction);
  peer_->answer(0.5);
  EXPECT_EQ(fraction.as<double>(), 0.5);
  EXPECT_EQ(peer_->values(), "['math', 'ldexp', <object 7>, 0]");
  peer_->answer(fraction);
  peer_->answer(3);
  EXPECT_EQ(fraction.as<int>(), 3);
  EXPECT_EQ(peer_->values(), "['operator', 'index', <object 7>]");
  peer_->answer(fraction);
  peer_->answer(List{1, 2});
  EXPECT_EQ(fraction.as<std::vector<int>>(), (std::vector<int>{1, 2}));
  EXPECT_EQ(peer_->values(), "['py4cpp._introspect', 'elements', <object 7>]");
  peer_->answer(fraction);
  peer_->answer("s");
  EXPECT_EQ(fraction.as<std::string>(), "s");
  EXPECT_EQ(peer_->steps(), "import_module attribute attribute call(1,0)");
  peer_->answer(fraction);
  peer_->answer(Bytes{});
  EXPECT_EQ(fraction.as<Bytes>(), Bytes{});
  EXPECT_EQ(peer_->steps(), "import_module attribute call(1,0) attribute call");
  peer_->answer(fraction);
  peer_->answer(Dict{{1, 2}});
  EXPECT_EQ((fraction.as<std::map<int, int>>().at(1)), 2);
  peer_->answer(fraction);
  peer_->answer(std::complex<double>(1, 2));
  EXPECT_EQ(fraction.as<std::complex<double>>(), std::complex<double>(1, 2));
}

TEST_F(ObjectTest, NamesTheTypeOfWhatDoesNotConvert) {
  const Value handle(peer_->object(7));
  peer_->answer(handle);
  peer_->raise("TypeError");
  peer_->answer("fractions.Fraction");
  try {
    handle.as<int>();
    FAIL();
  } catch (const ConversionError& error) {
    EXPECT_EQ(error.found(), "an object of type fractions.Fraction");
  }
  peer_->answer(handle);
  peer_->raise("ZeroDivisionError");
  EXPECT_THROW(handle.as<int>(), PythonError) << "only a TypeError says that it is no such thing";
}

TEST_F(ObjectTest, SaysWhichNumpyCallToMake) {
  const Value handle(peer_->object(7));
  peer_->answer(handle);            // fetched
  peer_->answer(handle);            // numpy.asarray
  peer_->answer(peer_->object(9));  // .dtype
  peer_->answer("<M8[ns]");         // .str
  try {
    handle.as<Array<double>>();
    FAIL();
  } catch (const ConversionError& error) {
    EXPECT_NE(std::string(error.what()).find(".view('int64')"), std::string::npos) << error.what();
  }
}

TEST_F(ObjectTest, GivesListsOfHandles) {
  const Value handle(peer_->object(7));
  peer_->answer(List{peer_->object(9), peer_->object(10)});
  const auto handles = handle.as<std::vector<Object>>();
  EXPECT_EQ(peer_->asked.size(), 1u);
  ASSERT_EQ(handles.size(), 2u);
  EXPECT_TRUE(handles[1].same(peer_->object(10)));
  peer_->answer(List{1});
  EXPECT_EQ(peer_->object(7).attr<std::vector<int>>("x"), std::vector<int>{1});
  EXPECT_EQ(peer_->asked.back().want, Want::value);
}

TEST_F(ObjectTest, IsIteratedAsElementsCome) {
  peer_->answer(peer_->object(8));
  peer_->answer(List(0, 1));
  peer_->answer(List(2));
  peer_->answer(List());
  std::vector<int> seen;
  for (const Value& x : peer_->object(7)) seen.push_back(x.as<int>());
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(peer_->asked.size(), 4u);
  EXPECT_EQ(peer_->values(), "[<object 8>, 'take']");

  peer_->answer(peer_->object(8));
  peer_->answer(List(0));
  peer_->raise("ValueError");
  const Object iterable = peer_->object(7);
  auto iterator = iterable.begin();
  EXPECT_EQ(*iterator, 0);
  EXPECT_THROW(++iterator, PythonError);
}

TEST_F(ObjectTest, OperatorsRunInPython) {
  const Object a = peer_->object(1);
  const Object b = peer_->object(2);
  const auto name = [&] { return peer_->asked.back().second; };
  const auto gives = [&](auto&& operation, const std::string& function) {
    peer_->answer(peer_->object(3));
    const Object result = operation();
    EXPECT_EQ(name(), function);
    EXPECT_EQ(peer_->asked.back().want, Want::object);
  };
  gives([&] { return a + b; }, "add");
  gives([&] { return a - 1; }, "sub");
  gives([&] { return 2.5 * a; }, "mul");
  gives([&] { return a / b; }, "truediv");
  gives([&] { return a % "x"; }, "mod");
  gives([&] { return a & b; }, "and_");
  gives([&] { return a | b; }, "or_");
  gives([&] { return a ^ b; }, "xor");
  gives([&] { return a << 2; }, "lshift");
  gives([&] { return a >> 2; }, "rshift");
  gives([&] { return -a; }, "neg");
  gives([&] { return +a; }, "pos");
  gives([&] { return ~a; }, "invert");
  gives([&] { return a + Value(List{1}); }, "add");

  const auto holds = [&](auto&& comparison, const std::string& function) {
    peer_->answer(true);
    EXPECT_TRUE(comparison());
    EXPECT_EQ(name(), function);
  };
  holds([&] { return a == b; }, "eq");
  holds([&] { return a != b; }, "ne");
  holds([&] { return a < 1; }, "lt");
  holds([&] { return 1 <= a; }, "le");
  holds([&] { return a > b; }, "gt");
  holds([&] { return a >= b; }, "ge");

  peer_->answer(peer_->object(4));  // a comparison whose result is no bool is asked for its truth
  peer_->answer(false);
  EXPECT_FALSE(a < b);
  EXPECT_EQ(name(), "bool");
}

TEST_F(ObjectTest, IsReleasedWithItsLastCopy) {
  {
    const Object a = peer_->object(5);
    Object b = a;
    const Value v(b);
    b = Object();
    EXPECT_TRUE(peer_->released.empty());
  }
  EXPECT_EQ(peer_->released, std::vector<std::uint64_t>{5});
}

TEST_F(ObjectTest, KeepsItsPeerAlive) {
  const Object a = peer_->object(5);
  const std::weak_ptr<FakePeer> weak = peer_;
  peer_.reset();
  EXPECT_FALSE(weak.expired());
  a.method<void>("x");
}

TEST_F(ObjectTest, IsComparedByIdentityInAValue) {
  EXPECT_EQ(Value(peer_->object(5)), Value(peer_->object(5)));
  EXPECT_NE(Value(peer_->object(5)), Value(peer_->object(6)));
  EXPECT_EQ(Value(peer_->object(5)).hash(), Value(peer_->object(5)).hash());
  EXPECT_TRUE(peer_->asked.empty());
}

TEST_F(ObjectTest, ThatIsInNoPythonThrows) {
  const Object nothing;
  EXPECT_THROW(nothing.call(1), Error);
  EXPECT_THROW(nothing.len(), Error);
  EXPECT_THROW(nothing + nothing, Error);
  const Object callable = Value([](int x) { return x; }).as<Object>();
  try {
    callable.attr("x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_NE(std::string(error.what()).find("C++ callable"), std::string::npos);
  }
  peer_->answer(peer_->object(1));
  EXPECT_NO_THROW(nothing + peer_->object(5)) << "asked of the operand that has a worker";
}

TEST_F(ObjectTest, KeepsPlainResultsInPythonWhenTold) {
  peer_->keeps = true;
  peer_->answer(peer_->object(9));
  EXPECT_TRUE(peer_->object(7).attr("x").is<Object>());
  EXPECT_EQ(peer_->asked.back().want, Want::object);
  peer_->answer(1);
  peer_->object(7).attr<int>("x");
  EXPECT_EQ(peer_->asked.back().want, Want::value) << "typed results are wanted here";
}

TEST_F(ObjectTest, OfAnExceptionIsAHandle) {
  auto info = std::make_shared<ExceptionInfo>();
  info->object = peer_->object(11).state();
  const PythonError error{std::shared_ptr<const ExceptionInfo>(info)};
  EXPECT_TRUE(error.object().same(peer_->object(11)));
  const PythonError without{std::make_shared<ExceptionInfo>()};
  EXPECT_THROW(without.object().len(), Error);
}

TEST_F(ObjectTest, PrintsWithoutAsking) {
  std::ostringstream out;
  out << peer_->object(12) << Object();
  EXPECT_EQ(out.str(), "<object 12><no object>");
  EXPECT_TRUE(peer_->asked.empty());
}

TEST(Slice, IsAValue) {
  EXPECT_EQ((Slice{1, 10}), (Slice{1, 10, std::nullopt}));
  const Slice slice = Value(Slice{std::nullopt, 10, 2}).as<Slice>();
  EXPECT_EQ(slice.start(), Value());
  EXPECT_EQ(slice.stop(), 10);
  EXPECT_EQ(slice.step(), 2);
  EXPECT_THROW(Value(1).as<Slice>(), ConversionError);
}

}  // namespace
}  // namespace py4cpp
