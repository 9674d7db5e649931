#include <py4cpp/convert.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/value.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

namespace py4cpp {
namespace {

static_assert(!std::is_convertible_v<int, List> && std::is_constructible_v<List, int>);
static_assert(std::is_nothrow_copy_constructible_v<List> && std::is_nothrow_copy_constructible_v<Dict>);

TEST(List, CopiesAListAndNestsAValue) {
  const List list{1, 2};
  EXPECT_EQ(List{list}.size(), 2u);
  EXPECT_EQ((List{list}), list);
  const List nested{Value(list)};
  ASSERT_EQ(nested.size(), 1u);
  EXPECT_EQ(nested[0], Value(list));
  const List both{list, list};
  EXPECT_EQ(both.size(), 2u);
  List other = list;
  other = List{Tuple{1}};
  EXPECT_EQ(to_string(other), "[(1,)]");
}

TEST(List, ReadsLikeAVector) {
  const List list{3, 1, 2};
  EXPECT_EQ(list.size(), 3u);
  EXPECT_FALSE(list.empty());
  EXPECT_TRUE(List{}.empty());
  EXPECT_EQ(list.front(), 3);
  EXPECT_EQ(list.back(), 2);
  EXPECT_EQ(list.at(1), 1);
  EXPECT_EQ(list.data()[0], 3);
  EXPECT_EQ(*list.rbegin(), 2);
  EXPECT_THROW(list.at(3), Error);
  EXPECT_THROW(list[3], Error);
  EXPECT_THROW(List{}.front(), Error);
  EXPECT_THROW(List{}.back(), Error);
  int sum = 0;
  for (const Value& value : list) sum += value.as<int>();
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(std::find(list.begin(), list.end(), Value(1)) - list.begin(), 1);
  const std::vector<Value> vector(list.begin(), list.end());
  EXPECT_EQ(List(vector), list);
}

TEST(Set, KeepsEachElementOnce) {
  const Set set{1, 2, 1, 1.0, "a", "a"};
  EXPECT_EQ(set.size(), 4u);
  EXPECT_TRUE(set.contains(1));
  EXPECT_TRUE(set.contains(1.0));
  EXPECT_FALSE(set.contains(true));
  EXPECT_EQ(set.count("a"), 1u);
  EXPECT_EQ(*set.find("a"), "a");
  EXPECT_EQ(set.find("b"), set.end());
  EXPECT_FALSE(Set{}.contains(1));
  EXPECT_FALSE(set.frozen());
  EXPECT_TRUE(set.freeze().frozen());
}

TEST(Dict, ReadsLikeAnOrderedMap) {
  const Dict dict{{"b", 1}, {"a", 2}, {3, "three"}};
  std::string keys;
  for (const auto& [key, value] : dict) keys += to_string(key) + "=" + to_string(value) + " ";
  EXPECT_EQ(keys, "'b'=1 'a'=2 3='three' ");
  EXPECT_EQ(dict.at("a"), 2);
  EXPECT_EQ(dict["b"], 1);
  EXPECT_EQ(dict[3], "three");
  EXPECT_EQ(dict.find("a")->second, 2);
  EXPECT_EQ(dict.find("c"), dict.end());
  EXPECT_TRUE(dict.contains("a"));
  EXPECT_FALSE(dict.contains(0));
  EXPECT_EQ(dict.count(3), 1u);
  EXPECT_THROW(dict.at("c"), Error);
  EXPECT_THROW(dict[0], Error);
  EXPECT_EQ(dict.keys(), (std::vector<Value>{"b", "a", 3}));
  EXPECT_EQ(dict.values(), (std::vector<Value>{1, 2, "three"}));
  EXPECT_EQ((Dict{dict}), dict);
  EXPECT_TRUE(Dict{}.empty());
  EXPECT_EQ(Dict{}.find(1), Dict{}.end());
}

TEST(Dict, KeepsThePlaceOfTheFirstAndTheValueOfTheLast) {
  const Dict dict{{"a", 1}, {"b", 2}, {"a", 3}};
  EXPECT_EQ(to_string(dict), "{'a': 3, 'b': 2}");
}

TEST(Dict, FindsEachOfManyKeys) {
  std::vector<std::pair<Value, Value>> pairs;
  for (int i = 0; i < 10'000; ++i) pairs.emplace_back("key" + std::to_string(i), i);
  const Dict dict(pairs);
  ASSERT_EQ(dict.size(), 10'000u);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(dict.at("key" + std::to_string(i)), i);
  EXPECT_FALSE(dict.contains("key10000"));
}

}  // namespace
}  // namespace py4cpp
