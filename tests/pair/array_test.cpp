// Arrays in shared memory.
#include "pair_fixture.hpp"

#include <xtensor/xrandom.hpp>
#include <xtensor/xstrided_view.hpp>

namespace py4cpp::test {

using Arrays = PairTest;

TEST_F(Arrays, LieOnTheSamePages) {
  const Array<float> x = py.array<float>({3, 4});
  x.view() = xt::arange<float>(12).reshape({3, 4});
  EXPECT_EQ(py.call<double>("numpy.sum", x), 66.0);
  py.exec("x[1, 2] = -1\nassert x.flags.writeable and x.flags.c_contiguous and x.dtype == 'float32'", "x"_a = x);
  EXPECT_EQ(x.view()(1, 2), -1.f);
  x.view()(0, 0) = 100.f;
  EXPECT_EQ(py.eval<float>("float(x[0, 0])", "x"_a = x), 100.f);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.data()) % 64, 0u);
}

TEST_F(Arrays, ComeHomeWithoutACopyHoweverSliced) {
  const Array<double> x = py.array<double>({4, 6});
  x.view() = xt::arange<double>(24).reshape({4, 6});
  const auto before = py.stats();
  const auto same = py.eval<Array<double>>("x", "x"_a = x);
  EXPECT_EQ(same.data(), x.data());
  const auto t = py.eval<Array<double>>("x.T[1:, ::-2]", "x"_a = x);
  EXPECT_EQ(t.shape(), (Shape{5, 2}));
  EXPECT_EQ(t.view()(0, 0), x.view()(3, 1));
  EXPECT_EQ(t.view()(4, 1), x.view()(1, 5));
  t.view() = -1.0;
  EXPECT_EQ(x.view()(1, 5), -1.0);
  EXPECT_EQ(x.view()(0, 0), 0.0);
  EXPECT_EQ(py.stats().arrays_copied, before.arrays_copied);
  EXPECT_TRUE(t.shared());
  EXPECT_FALSE(t.contiguous());
  EXPECT_THROW(t.flat(), Error);
}

TEST_F(Arrays, OfNumpyComeBack) {
  const auto a = py.eval<Array<double>>("__import__('numpy').arange(6.).reshape(2, 3)");
  EXPECT_EQ(a.view()(1, 2), 5.0);
  const auto big = py.eval<Array<std::int32_t>>("__import__('numpy').arange(1000000, dtype='int32')");
  EXPECT_EQ(big.view()(999999), 999999);
  EXPECT_TRUE(big.shared());
}

TEST_F(Arrays, OfEveryDtypeSurvive) {
  for (const char* dtype : {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
                            "float32", "float64", "complex64", "complex128"}) {
    const AnyArray a = py.eval<AnyArray>("__import__('numpy').arange(5).astype(d)", "d"_a = dtype);
    EXPECT_EQ(a.dtype().name(), dtype);
    EXPECT_TRUE(py.eval<bool>("a.dtype == d and (a == __import__('numpy').arange(5).astype(d)).all()", "a"_a = a,
                              "d"_a = dtype))
        << dtype;
  }
}

TEST_F(Arrays, OfAnyShape) {
  EXPECT_EQ(py.eval<Array<double>>("__import__('numpy').array(7.5)").view()(), 7.5);
  const Array<int> scalar = py.array<int>({});
  scalar.view() = 3;
  EXPECT_EQ(py.eval<int>("int(s[()]) + s.ndim", "s"_a = scalar), 3);
  const Array<float> empty = py.array<float>({0, 3});
  EXPECT_EQ(py.eval<std::string>("repr(e.shape)", "e"_a = empty), "(0, 3)");
  EXPECT_EQ(py.eval<Array<float>>("e", "e"_a = empty).shape(), (Shape{0, 3}));
  EXPECT_THROW(py.array<float>({-1}), Error);
  EXPECT_THROW(py.array<double>({std::size_t{1} << 40, std::size_t{1} << 40}), Error);
}

TEST_F(Arrays, XtensorExpressionsAreCopiedOnce) {
  const xt::xarray<double> e{{1, 2}, {3, 4}};
  EXPECT_EQ(py.call<double>("numpy.sum", e), 10.0);
  EXPECT_EQ(py.call<double>("numpy.sum", e * 2.0 + 1.0), 24.0);
  const auto back = py.call<xt::xarray<double>>("numpy.transpose", e);
  EXPECT_EQ(back(0, 1), 3.0);
  const auto before = py.stats();
  const xt::xtensor<float, 1> large = xt::ones<float>({100000});
  EXPECT_EQ(py.call<float>("numpy.sum", large), 100000.f);
  EXPECT_EQ(py.stats().arrays_shared, before.arrays_shared + 1);  // written into shared memory by the conversion
}

TEST_F(Arrays, ReadOnlyOnesStaySo) {
  py.exec("import numpy\nro = numpy.arange(3.)\nro.flags.writeable = False");
  const auto a = py.eval<Array<double>>("ro");
  EXPECT_FALSE(a.writable());
  EXPECT_THROW(a.view(), Error);
  EXPECT_THROW(a.data(), Error);
  const auto c = py.eval<Array<const double>>("ro");
  EXPECT_EQ(c.view()(2), 2.0);
}

TEST_F(Arrays, WrongTypesSaySo) {
  EXPECT_THROW(py.eval<Array<float>>("__import__('numpy').arange(3.)"), ConversionError);
  EXPECT_THROW(py.eval<Array<float>>("'text'"), ConversionError);
  EXPECT_TRUE(py.eval("__import__('numpy').array([object()])").is<Object>());
  EXPECT_TRUE(py.eval("__import__('numpy').array(['2020'], dtype='datetime64[Y]')").is<Object>());
  EXPECT_TRUE(py.eval("__import__('numpy').arange(3, dtype='>i4')").is<Object>());
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Arrays, LiveAsLongAsPythonKeepsThem) {
  {
    const Array<double> x = py.array<double>({1000});
    x.view() = 1.5;
    py.exec("kept = x[::2]", "x"_a = x);
  }
  for (int i = 0; i < 50; ++i) {  // blocks that would reuse the pages
    const Array<double> y = py.array<double>({1000});
    y.view() = -1.0;
  }
  EXPECT_EQ(py.eval<double>("float(kept.sum())"), 750.0);
  py.exec("del kept");
}

TEST_F(Arrays, OfPythonsOwnSharedMemoryOutliveIt) {
  py.exec("import py4cpp\nown = py4cpp.empty((1000, 10), 'int64')\nown[:] = 7\nassert py4cpp.is_shared(own)");
  const auto before = py.stats();
  const auto own = py.eval<Array<std::int64_t>>("own");
  EXPECT_EQ(py.stats().arrays_copied, before.arrays_copied);
  py.exec("own[0, 0] = 8");
  EXPECT_EQ(own.view()(0, 0), 8);
  py.stop();
  EXPECT_EQ(own.view()(999, 9), 7);
}

TEST_F(Arrays, AreRecycledAndNotLeaked) {
  for (int i = 0; i < 2000; ++i) {
    const Array<float> x = py.array<float>({256, 1024});  // 1 MiB
    py.call<void>("len", x);
  }
  EXPECT_LE(py.stats().live_segments, 80u);
}

TEST_F(Arrays, LargeTextGoesThroughSharedMemory) {
  const std::string text(20'000'000, 'x');
  EXPECT_EQ(py.call<std::size_t>("len", text), text.size());
  EXPECT_EQ(py.eval<std::string>("'y' * 20_000_000"), std::string(20'000'000, 'y'));
  EXPECT_EQ(py.eval<Bytes>("b'z' * 3_000_000").size(), 3'000'000u);
}

TEST_F(Arrays, NestInContainers) {
  const Array<double> x = py.array<double>({3});
  x.view() = 1.0;
  const Value v = py.eval("{'a': [x, x], 'b': (x,)}", "x"_a = x);
  EXPECT_EQ(v["a"][1].as<Array<double>>().data(), x.data());
  EXPECT_EQ(py.call<double>("sum", std::vector{x.view()(0), 2.0}), 3.0);
}

}  // namespace py4cpp::test
