// The headers that `py4cpp bind` writes: one word for word, and all of them compiled and used.
#include "command.hpp"

#include "../scratch_dir.hpp"

#include "bind_sample.hpp"
#if __has_include("bound/math.hpp")
#include "bound/math.hpp"
#endif
#if __has_include("bound/numpy_linalg.hpp")
#include "bound/numpy_linalg.hpp"
#include "bound/numpy_random.hpp"
#endif
#if __has_include("bound/torch_nn_functional.hpp")
#include "bound/torch_nn_functional.hpp"
#endif
#if __has_include("bound/sklearn_linear_model.hpp")
#include "bound/sklearn_linear_model.hpp"
#endif

#include <gtest/gtest.h>

namespace py4cpp::test {

using namespace py4cpp::literals;

std::string golden() { return (source_dir() / "tests/golden").string(); }

class Bound : public ::testing::Test {
 protected:
  static Config config() {
    Config c{.python = test_python()};
    c.environment["PYTHONPATH"] = golden();
    return c;
  }
  Python py{config()};
};

TEST_F(Bound, ModuleIsWordForWordTheGoldenOne) {
  const auto [status, header] = run_command("bind bind_sample --namespace sample", "PYTHONPATH='" + golden() + "'");
  EXPECT_EQ(status, 0) << header;
  EXPECT_EQ(header, text_of(golden() + "/bind_sample.hpp"));
}

TEST_F(Bound, FunctionsTakeTheirArguments) {
  sample::bind(py);
  EXPECT_EQ(sample::plain(1, "two"), Value(Tuple(1, "two")));
  EXPECT_EQ(sample::plain<std::vector<int>>(1, 2), (std::vector{1, 2}));
  EXPECT_EQ(sample::double_<int>(21), 42);
  EXPECT_EQ(sample::keyword_only(1, {.reverse = true, .required = "r"}), Value(Tuple(1, true, "r")));
  EXPECT_THROW(sample::keyword_only(1), errors::TypeError) << "Python misses it";
  EXPECT_EQ(sample::union_(1, {.operator_ = "+", .new_2 = 9}), Value(Tuple(1, "+", 1, 2, 9)));
  EXPECT_EQ(sample::camel_case(), Value("snake"));
  EXPECT_EQ(sample::camel_case_2(0, {.alpha_2 = 5}), Value(Tuple(0, 1, 5)));
  EXPECT_EQ(sample::bind_2(), Value("bound"));
  EXPECT_TRUE(sample::plain_args().is<None>());
  EXPECT_THROW(sample::fails(), errors::ValueError);
}

TEST_F(Bound, DefaultsAreKept) {
  sample::bind(py);
  EXPECT_EQ(sample::defaults(0), py.call("bind_sample.defaults", 0));
  EXPECT_EQ(sample::hinted(0), py.call("bind_sample.hinted", 0));
  const sample::defaults_args defaults;
  EXPECT_FALSE(defaults.flag);
  EXPECT_EQ(defaults.mode, Value("full"));
  EXPECT_FALSE(defaults.axis.has_value());
  EXPECT_EQ(sample::defaults(0, {.flag = true, .mode = Value(), .axis = 1})[4], Value());
  EXPECT_EQ(sample::hinted(0, {.count = 4, .scale = .5})[2], Value(.5));
}

TEST_F(Bound, VariadicAndPositionalArguments) {
  sample::bind(py);
  EXPECT_EQ(sample::variadic(1), Value(Tuple(1, Tuple(), " ")));
  EXPECT_EQ(sample::variadic(1, 2, 3), Value(Tuple(1, Tuple(2, 3), " ")));
  EXPECT_EQ(sample::variadic(1, 2, "sep"_a = "-"), Value(Tuple(1, Tuple(2), "-")));
  EXPECT_EQ(sample::variadic(1, {.sep = "-"}, 2, 3), Value(Tuple(1, Tuple(2, 3), "-")));
  EXPECT_EQ(sample::keywords(1, {.scale = 2}, "other"_a = 3), Value(Tuple(1, 2, Dict{{"other", 3}})));
  EXPECT_EQ(sample::keywords(1, "other"_a = 3), Value(Tuple(1, 1, Dict{{"other", 3}})));
  EXPECT_EQ(sample::only_keywords("a"_a = 1), Value(Dict{{"a", 1}}));
  EXPECT_EQ(sample::nobody_knows(1, "k"_a = 2), Value(Tuple(Tuple(1), Dict{{"k", 2}})));
  EXPECT_EQ(sample::positional_only(1, {.base = 2, .digits = 3, .strict = true}), Value(Tuple(1, 2, 3, true)));
  EXPECT_EQ(sample::positional_only(1, {.base = 2}), Value(Tuple(1, 2, None{}, false)));
  EXPECT_THROW(sample::positional_only(1, {.digits = 2}), Error) << "base must be given, too";
  EXPECT_THROW(sample::keywords(1, {.scale = 2}, "scale"_a = 3), Error) << "twice";
}

TEST_F(Bound, ClassesAndValues) {
  sample::bind(py);
  const Object server = sample::http_server2d(80, {.backlog = 9});
  EXPECT_EQ(server.attr<int>("port"), 80);
  EXPECT_EQ(server.attr<std::string>("host"), "localhost");
  EXPECT_EQ(server.attr<int>("backlog"), 9);
  EXPECT_EQ(sample::limit(), 7);
  EXPECT_EQ(sample::ratio(), .5);
  EXPECT_EQ(sample::greeting(), "say \"hi\"\n");
  EXPECT_TRUE(sample::enabled());
}

TEST_F(Bound, RunInThePythonThatWasBoundLast) {
  Python other{config()};
  sample::bind(py);
  sample::bind(other);
  py.stop();
  EXPECT_EQ(sample::double_<int>(2), 4);
  other.stop();
  EXPECT_THROW(sample::double_(2), WorkerDied);
  other.start();
  EXPECT_EQ(sample::double_<int>(3), 6) << "found again in a new worker";
}

#if __has_include("bound/math.hpp")
TEST_F(Bound, Math) {
  EXPECT_THROW(math::sqrt(4), Error) << "bind() comes first";
  math::bind(py);
  EXPECT_EQ(math::sqrt<double>(2.25), 1.5);
  EXPECT_EQ(math::pow<double>(2, 10), 1024);
  EXPECT_EQ(math::gcd<int>(12, 18), 6);
  EXPECT_EQ(math::hypot<double>(3, 4), 5);
  EXPECT_EQ(math::log<double>(8, 2), 3);
  EXPECT_TRUE(math::isclose<bool>(1.0, 1.05, {.rel_tol = 0.1}));
  EXPECT_EQ(math::prod<int>(std::vector{2, 3}, {.start = 7}), 42);
  EXPECT_DOUBLE_EQ(math::pi(), 3.141592653589793);
}
#endif

#if __has_include("bound/numpy_linalg.hpp")
TEST_F(Bound, Numpy) {
  numpy::linalg::bind(py);
  numpy::random::bind(py);
  const xt::xarray<double> x{{3., 0.}, {0., 4.}};
  EXPECT_EQ(numpy::linalg::norm<double>(x), 5);
  EXPECT_EQ(numpy::linalg::norm(x, {.ord = 1}).as<double>(), 4);
  EXPECT_EQ(numpy::linalg::norm<Array<double>>(x, {.axis = 0, .keepdims = true}).shape()[0], 1u);
  EXPECT_EQ(numpy::linalg::inv<Array<double>>(x).view()(1, 1), .25);
  EXPECT_EQ(numpy::linalg::multi_dot<double>(List(xt::xarray<double>{1., 2.}, xt::xarray<double>{3., 4.})), 11);
  EXPECT_EQ(numpy::random::default_rng<Object>(42).method<Array<double>>("random", 5).size(), 5u);
  EXPECT_EQ(numpy::random::rand<Array<double>>(2, 3).size(), 6u);
}
#endif

#if __has_include("bound/torch_nn_functional.hpp")
TEST_F(Bound, Torch) {
  torch::nn::functional::bind(py);
  const Object x = py.call<Object>("torch.tensor", std::vector{-1., 2.});
  const Object y = torch::nn::functional::relu<Object>(x, {.inplace = false});
  EXPECT_EQ(y.method<std::vector<double>>("tolist"), (std::vector{0., 2.}));
  const Object p = torch::nn::functional::softmax<Object>(x, {.dim = 0});
  EXPECT_NEAR(p.method<double>("sum"), 1, 1e-6);
  EXPECT_EQ(torch::nn::functional::dropout<Object>(x, {.p = 1., .training = true}).method<double>("sum"), 0);
}
#endif

#if __has_include("bound/sklearn_linear_model.hpp")
TEST_F(Bound, Sklearn) {
  sklearn::linear_model::bind(py);
  const Object model = sklearn::linear_model::ridge_cv({.alphas = std::vector{1e-9, 1.}});
  const std::vector<std::vector<double>> x{{0.}, {1.}, {2.}, {3.}};
  const std::vector y{1., 3., 5., 7.};
  model.method("fit", x, y);
  EXPECT_NEAR(model.attr<double>("intercept_"), 1, 1e-3);
  const Object plain = sklearn::linear_model::linear_regression({.fit_intercept = false});
  EXPECT_FALSE(plain.attr<bool>("fit_intercept"));
}
#endif

TEST(Bind, SeveralModulesAndOnlySomeNames) {
  const ScratchDir scratch;
  const std::string file = (scratch.path() / "both.hpp").string();
  const auto [status, said] = run_command("bind math cmath --names sqrt,pi,phase --namespace all -o " + file);
  EXPECT_EQ(status, 0) << said;
  const std::string header = text_of(file);
  EXPECT_NE(header.find("namespace all::math {"), std::string::npos);
  EXPECT_NE(header.find("namespace all::cmath {"), std::string::npos);
  EXPECT_NE(header.find("R phase("), std::string::npos);
  EXPECT_EQ(header.find("R cos("), std::string::npos);
}

TEST(Bind, SaysWhatIsWrong) {
  const auto fails_with = [](const std::string& arguments, const std::string& what) {
    const auto [status, said] = run_command("bind " + arguments);
    EXPECT_NE(status, 0) << arguments;
    EXPECT_NE(said.find(what), std::string::npos) << arguments << " said " << said;
  };
  fails_with("no_such_module", "no_such_module");
  fails_with("math --names no_such_name", "no_such_name");
  fails_with("math --namespace 'a b'", "a b");
  fails_with("math -o /dev/null/x.hpp", "/dev/null");
  fails_with("", "modules");
}

}  // namespace py4cpp::test
