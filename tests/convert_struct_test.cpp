#include <py4cpp/convert.hpp>
#include <py4cpp/error.hpp>

#include "fake_peer.hpp"
#include "refusal.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace geometry {

struct Point {
  double x = 0, y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

struct Shape {
  std::string name;
  std::vector<Point> corners;
  std::optional<Point> centre;
  std::map<std::string, int> tags;
  int cached = 7;  // stays here
  friend bool operator==(const Shape&, const Shape&) = default;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  friend bool operator==(const Tree&, const Tree&) = default;
};

class Sealed {
 public:
  Sealed() = default;
  explicit Sealed(int number) : number_(number) {}
  friend bool operator==(const Sealed&, const Sealed&) = default;

 private:
  friend struct py4cpp::Convert<Sealed>;
  int number_ = 0;
};

}  // namespace geometry

PY4CPP_STRUCT(geometry::Point, x, y)
PY4CPP_STRUCT(geometry::Shape, name, corners, centre, tags)
PY4CPP_STRUCT(geometry::Tree, value, children)
PY4CPP_STRUCT(geometry::Sealed, number_)

namespace py4cpp {
namespace {

using geometry::Point;
using geometry::Shape;
using geometry::Tree;

TEST(ConvertStruct, IsADictOfItsMembers) {
  EXPECT_EQ(to_string(Value(Point{1, 2})), "{'x': 1.0, 'y': 2.0}");
  EXPECT_EQ(Value(Point{1, 2}).as<Point>(), (Point{1, 2}));
  EXPECT_EQ((Value(Dict{{"y", 2}, {"x", true}}).as<Point>()), (Point{1, 2})) << "the order of keys does not matter";
}

TEST(ConvertStruct, Nests) {
  const Shape shape{"triangle", {{0, 0}, {1, 0}, {0, 1}}, Point{0.5, 0.5}, {{"k", 1}}};
  EXPECT_EQ(Value(shape).as<Shape>(), shape);
  EXPECT_EQ(Value(Shape{}).as<Shape>(), Shape{});
  const Tree tree{1, {{2, {}}, {3, {{4, {}}}}}};
  EXPECT_EQ(Value(tree).as<Tree>(), tree);
  EXPECT_EQ(to_string(Value(tree)["children"][1]), "{'value': 3, 'children': [{'value': 4, 'children': []}]}");
}

TEST(ConvertStruct, MayHavePrivateMembers) {
  EXPECT_EQ(to_string(Value(geometry::Sealed(3))), "{'number_': 3}");
  EXPECT_EQ(Value(geometry::Sealed(3)).as<geometry::Sealed>(), geometry::Sealed(3));
}

TEST(ConvertStruct, NamesWhatDoesNotFit) {
  EXPECT_EQ(refusal<Point>(Dict{{"x", 1}}), "['y']: expected a value, found no such key");
  EXPECT_EQ((refusal<Point>(Dict{{"x", 1}, {"y", 2}, {"z", 3}})), "['z']: expected only the keys x, y, found key 'z'");
  EXPECT_EQ((refusal<Point>(Dict{{"x", 1}, {"y", 2}, {1, 3}})), "[1]: expected only the keys x, y, found key 1");
  EXPECT_EQ((refusal<Point>(Dict{{"x", 1}, {"y", "2"}})), "['y']: expected float, found str '2'");
  EXPECT_EQ((refusal<std::vector<Point>>(List{Point{}, Dict{{"x", 1}, {"y", None{}}}})),
            "[1]['y']: expected float, found None");
  EXPECT_EQ(refusal<Point>(5), "expected dict, found int 5");
  EXPECT_EQ((refusal<Point>(Tuple{1, 2})), "expected dict, found tuple (1, 2)");
}

TEST(ConvertStruct, AsksPythonOnceForAnObject) {
  const auto peer = std::make_shared<FakePeer>();
  const Value object(peer->object(1));
  peer->answer(Tuple{false, Dict{{"x", 1.5}, {"y", 2}}});
  EXPECT_EQ(object.as<Point>(), (Point{1.5, 2}));
  EXPECT_EQ(peer->asked.size(), 1u);
  EXPECT_EQ(peer->asked.back().second, "members");

  peer->answer(Tuple{false, Dict{{"x", 1}}});
  EXPECT_EQ(refusal<Point>(object), ".y: expected a value, found no such attribute");
}

}  // namespace
}  // namespace py4cpp
