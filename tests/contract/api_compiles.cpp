// Snippets of the API's description that exist so far, word for word: that this compiles is the test. It is not run.
#include <iostream>
#include <py4cpp/dlpack.hpp>
#include <py4cpp/py4cpp.hpp>
#include <thread>
#include <xtensor/xrandom.hpp>
using namespace py4cpp::literals;
using namespace std::chrono_literals;
#define USE(...) (void)(__VA_ARGS__)

// 1
void s1() {
  py4cpp::Python py;
  { py4cpp::Python py{py4cpp::Config{.python = "/opt/venv/bin/python3"}}; }
  py.alive();
  py.pid();
  py.stop();
  py.start();
  py.start_if_not_alive();
  py4cpp::VersionInfo v = py.version_info();
  USE(v.major + v.minor + v.micro + v.serial);
  std::string rl = v.releaselevel;
  py.chdir("/data");
  py.cwd();
  py.interrupt();
  py4cpp::Stats s = py.stats();
  USE(s.calls + s.arrays_shared + s.arrays_copied + s.bytes_shared + s.bytes_copied + s.live_objects + s.live_segments);
}

// 2
void s2(py4cpp::Python& py) {
  int two = py.eval<int>("1 + 1");
  USE(two);
  auto s = py.eval<std::string>("'abc' + 'def'");
  py4cpp::Value any = py.eval("[1, 2.5, 'x', None]");
  double y = py.eval<double>("a * x + b", "a"_a = 2.0, "x"_a = 3.0, "b"_a = 1);
  USE(y);
  py.exec("import math\ndef area(r):\n    return math.pi * r * r");
  py.exec("total = sum(xs)", "xs"_a = std::vector{1, 2, 3});
  py.set("a", 5);
  py.set("d['k']", 7);
  py.set("obj.attr", "text");
  py.eval("n", py4cpp::kw("n", 3));
}

// 3
void s3(py4cpp::Python& py, py4cpp::Array<double> X, xt::xarray<double> Y, py4cpp::Object o1, py4cpp::Object o2) {
  std::vector<int> v;
  auto n = py.call<long>("int", "5");
  USE(n);
  auto root = py.call<double>("math.sqrt", 42);
  USE(root);
  auto srt = py.call<std::vector<int>>("sorted", v, "reverse"_a = true);
  auto hi = py.call<std::string>([](std::string x) { return x + " from C++"; }, "hello");
  auto up = py.method<std::string>("abc", "upper");
  auto re = py.attr<double>(std::complex<double>{1, 2}, "real");
  USE(re);
  py4cpp::Object model = py.call<py4cpp::Object>("sklearn.linear_model.LinearRegression");
  model.method("fit", X, Y);
  auto coef = model.attr<py4cpp::Array<double>>("coef_");
  model.set_attr("n_jobs", 2);
  model.slots();
  model.methods();
  py4cpp::Object f = py.eval<py4cpp::Object>("lambda x: 2 * x");
  f(3).as<int>();
  f.call<int>(3);
  py4cpp::Object d = py.eval<py4cpp::Object>("{'a': [1, 2, 3]}");
  d.item<int>("a");
  d.set_item("b", 4);
  d.del_item("a");
  d.len();
  d.contains("b");
  for (py4cpp::Value x : py.eval<py4cpp::Object>("range(10)")) {
  }
  d.str();
  d.repr();
  d.type();
  d.as<std::map<std::string, int>>();
  py4cpp::Object np = py.import("numpy");
  np.method<double>("float64", 42.0);
  py.reload(np);
  std::string text = py.help("math.sqrt");
  auto o3 = o1 + o2;
  bool less = (o1 < o2);
  USE(less);
  py4cpp::Slice{1, 10, 2};
  py4cpp::Slice{std::nullopt, 10, 2};
  py4cpp::Object o4 = o3;
}

// 4
void s4(py4cpp::Python& py, py4cpp::Object list_object, py4cpp::Object obj) {
  auto s = py.chain("numpy.random").call_method("default_rng", 42).call_method("random", 5).attr("size").get<int>();
  USE(s);
  auto t =
      py.chain(py4cpp::Value("hello {0}")).call_method("format", "world").call_method("capitalize").get<std::string>();
  py.chain(list_object).item(1).set(5);
  auto w = py.chain(obj).item(0, py4cpp::Slice{0, 2}).get();
  auto fu = py.chain(obj).attr("x").call(1).get_async<int>();
}

// 5
void s5(py4cpp::Python& py, py4cpp::Value v, py4cpp::Value other) {
  v.is<std::string>();
  v.as<int>();
  v.kind();
  USE(v == other);
  v.size();
  v[0];
  v["key"];
  to_string(v);
  {
    py4cpp::RemoteObjects keep(py);
    py4cpp::Value big = py.eval("list(range(10**7))");
    big.is<py4cpp::Object>();
  }
}
struct Point {
  double x, y;
};
template <>
struct py4cpp::Convert<Point> {
  static Value to(const Point& p) { return Value(Tuple{p.x, p.y}); }
  static Point from(const Value& v) { return {v[0].as<double>(), v[1].as<double>()}; }
};
void s5b(py4cpp::Python& py) {
  py.call("print", Point{1, 2});
  auto p = py.eval<Point>("(1, 2)");
  auto ps = py.eval<std::vector<Point>>("[(1, 2)]");
  USE(p.x);
}

// 6
void s6(py4cpp::Python& py) {
  py4cpp::Array<float> x = py.array<float>({64, 3, 224, 224});
  x.view() = xt::random::rand<float>({64, 3, 224, 224});
  auto y = py.call<py4cpp::Array<float>>("preprocess", x);
  double m = xt::mean(y.view())();
  USE(m);
  x.data();
  x.shape();
  x.strides();
  x.size();
  x.nbytes();
  x.dtype();
  x.writable();
  x.contiguous();
  x.shared();
  x.flat();
  py4cpp::Array<const float> ro = py.eval<py4cpp::Array<const float>>("ro");
  USE(ro.view()(0));
  py4cpp::AnyArray a = y;
  a.dtype();
  a.as<float>();
  auto z = py.call<double>("numpy.sum", xt::xarray<double>{{1, 2}, {3, 4}});
  USE(z);
  DLManagedTensor* t = x.to_dlpack();
  py4cpp::AnyArray fd = py4cpp::from_dlpack(t);
}

// 7
struct Thing {
  int size = 1;
  std::string name;
  int func(int) { return 0; }
};
void s7(py4cpp::Python& py, py4cpp::Array<float> x) {
  py.export_function("scale", [](py4cpp::Array<float> a, double k) { a.view() *= k; }, {"a", "k"});
  py.exec("scale(batch, k=0.5)", "batch"_a = x);
  auto xs = py.eval<std::vector<int>>("[2 * x for x in xs]",
                                      "xs"_a = py4cpp::generator([n = 0]() mutable { return n++; }, 3));
  py4cpp::generator([&]() -> std::optional<int> { return {}; });
#if !defined(__clang__)  // clang 14 cannot compile libstdc++ 12's views (clang bug 44178)
  py4cpp::generator(std::views::iota(0, 10));
#endif
  for (int mode = 0; mode < 1; ++mode) {
    Thing thing;
    auto h = py4cpp::host_object(thing)  // a C++ object in Python's hands, by shared_ptr or reference
                 .attr("size", &Thing::size)
                 .attr("name", &Thing::name)
                 .method("func", &Thing::func);
    py.eval<int>("t.func(t.size)", "t"_a = h);
    py.exec("t.name = 'x'", "t"_a = h);
    Thing& same = py.call<py4cpp::Object>("identity", h).host<Thing>();
    USE(same);
    auto shared = std::make_shared<Thing>();
    auto h2 = py4cpp::host_object(shared);
    static_assert(std::same_as<decltype(h2), py4cpp::HostObject<Thing>>);
    const auto cshared = shared;
    static_assert(std::same_as<decltype(py4cpp::host_object(cshared)), py4cpp::HostObject<Thing>>);
  }
}

// 8
struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};
Task s8co(py4cpp::Python& py) {
  int r = co_await py.call_async<int>("slow", 3);
  USE(r);
}
void s8(py4cpp::Python& py) {
  py4cpp::Future<int> f = py.call_async<int>("slow", 3);
  f.wait_for(100ms);
  f.ready();
  f.get();
  f.get();
  f.cancel();
  auto g = py.call_async<int>("add", f, 1);
  py4cpp::Timeout limit(py, 2s);
  py.call_monitor<int>(std::cout, "train", 10);
  py.method_monitor<int>(std::cout, py4cpp::Object(), "fit", 10);
  py4cpp::Config c;
  c.on_stdout = [](std::string_view text) { std::clog << text; };
  c.on_stderr = c.on_stdout;
  py.eval_async<int>("1");
  py.exec_async("x = 1");
  py.method_async<int>("abc", "find", "b");
}

// 9
// what `bind` would write
namespace np::linalg {
struct norm_args {
  std::optional<py4cpp::Value> ord{};
  std::optional<py4cpp::Value> axis{};
  bool keepdims = false;
};
inline void bind(py4cpp::Python&) {}
template <class R = py4cpp::Value, py4cpp::ToPython X>
R norm(const X&, norm_args = {}) {
  (void)sizeof(X);
  return R();
}
}  // namespace np::linalg
void s9(py4cpp::Python& py, py4cpp::Array<double> x) {
  auto sqrt = py.function<double(double)>("math.sqrt");
  sqrt(2.0);
  py4cpp::Module la = py.module("numpy.linalg");
  la("norm", x);
  la.names();
  la.submodule("...");
  np::linalg::bind(py);
  auto n = np::linalg::norm(x, {.ord = 2});
}

// 10
void s10() {
  py4cpp::Config c = py4cpp::Config::load();
  c.set("inline_limit", "16384");
  c.get("python");
  c.save();
  py4cpp::Config::path();
  py4cpp::Config all{.python = "p",
                     .inline_limit = 1,
                     .shared_memory_limit = 1,
                     .cache_limit = 1,
                     .spin = 5us,
                     .timeout = 2s,
                     .start_timeout = 1s,
                     .stop_timeout = 1s,
                     .restart = py4cpp::Restart::never,
                     .working_directory = "/",
                     .environment = {{"A", "b"}},
                     .startup = "x = 1",
                     .on_stdout = nullptr,
                     .on_stderr = [](std::string_view) {}};
}

// 11
void s11(py4cpp::Python& py) {
  try {
    py.eval("{}['x']");
  } catch (const py4cpp::errors::LookupError& e) {
    std::cerr << e.traceback();
  } catch (const py4cpp::PythonError& e) {
    USE(e.kind() == py4cpp::ErrorKind::raised);
    const std::string& type = e.type();
    const std::string& m = e.message();
    const py4cpp::PythonError* c = e.cause();
    USE(c);
    e.context();
    e.notes();
    e.matches("LookupError");
    py4cpp::Object o = e.object();
    USE(type + m);
  } catch (const py4cpp::WorkerDied& e) {
    std::optional<int> x = e.exit_code(), s = e.signal();
    USE(x);
    USE(s);
    std::string t = e.stderr_tail();
  } catch (const py4cpp::ConversionError& e) {
    std::cerr << e.path() << e.expected() << e.found();
  } catch (const py4cpp::OutOfSharedMemory& e) {
    std::cerr << e.asked() << e.available();
  } catch (const py4cpp::TimedOut&) {
  } catch (const py4cpp::ConfigError&) {
  } catch (const py4cpp::Error& e) {
    USE(e.kind() == py4cpp::ErrorKind::bug);
  }
}

// 13
void s13(py4cpp::Python& py, bool more) {
  py4cpp::Feed feed(py, {{"image", py4cpp::float32, {32, 1, 8, 8}}, {"label", py4cpp::int64, {32}}}, {.slots = 4});
  auto done = py.call_async("train", feed);
  while (more) {
    py4cpp::Batch b = feed.acquire();
    b.array<float>("image").view() = xt::zeros<float>({32, 1, 8, 8});
    b.array<std::int64_t>("label").view() = xt::zeros<std::int64_t>({32});
    b.publish();
    b.publish(7);
  }
  feed.close();
  done.get();
}
