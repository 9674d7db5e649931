// A worker that cannot start is one clear error, with the cause and what the worker wrote, and nothing is left behind:
// the check for leftovers looks after every test.
#include "host_child.hpp"
#include "message.hpp"
#include "pair_fixture.hpp"
#include "scratch_dir.hpp"

#include <cstdlib>
#include <filesystem>

namespace py4cpp::test {

using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

py4cpp::Config config_of(const std::string& interpreter) {
  auto c = config();
  c.python = interpreter;
  return c;
}

// What starting throws, which must be an E.
template <class E = py4cpp::Error>
E start_error(const py4cpp::Config& c) {
  return thrown_by<E>([&] { py4cpp::Python{c}; });
}

void expect_words(const py4cpp::Error& error, std::initializer_list<std::string> words) {
  for (const std::string& word : words) {
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << "no \"" << word << "\" in: " << error.what();
  }
}

}  // namespace

class Start : public ::testing::Test {
 protected:
  // Python that runs this before anything else.
  py4cpp::Config with_sitecustomize(const std::string& code) {
    scratch.file("site/sitecustomize.py", code);
    auto c = config();
    c.environment["PYTHONPATH"] = (scratch.path() / "site").string();
    return c;
  }
  // A package that passes for ours until it is imported. Returns the directory it is in.
  std::string fake_package(const std::string& worker_code) {
    scratch.file("package/py4cpp/_native.abi3.so", "");
    scratch.file("package/py4cpp/__init__.py", "");
    scratch.file("package/py4cpp/_worker.py", worker_code);
    return (scratch.path() / "package").string();
  }

  ScratchDir scratch;
};

// ---- no interpreter

TEST_F(Start, NoSuchFile) {
  const auto error = start_error(config_of("/no/such/python3"));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
  expect_words(error, {"/no/such/python3", "does not exist"});
}

TEST_F(Start, NoSuchName) {
  const auto error = start_error(config_of("no-such-python3"));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
  expect_words(error, {"no-such-python3", "PATH"});
}

TEST_F(Start, ADirectory) {
  const auto error = start_error(config_of(scratch.path().string()));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
  expect_words(error, {scratch.path().string(), "directory"});
}

TEST_F(Start, NotExecutable) {
  const std::string file = scratch.file("python3", "#!/bin/sh\n");
  const auto error = start_error(config_of(file));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
  expect_words(error, {file, "not executable"});
}

TEST_F(Start, NotAProgram) {
  const std::string file = scratch.file("python3", "\x01\x02\x03");
  fs::permissions(file, fs::perms::owner_all);
  const auto error = start_error(config_of(file));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
  expect_words(error, {file, "not a program"});
}

TEST_F(Start, NoSuchWorkingDirectory) {
  auto c = config();
  c.working_directory = "/no/such/directory";
  const auto error = start_error(c);
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
  expect_words(error, {"/no/such/directory"});
}

// ---- no Python

TEST_F(Start, AProgramThatEnds) {
  const auto error = start_error<py4cpp::WorkerDied>(config_of("/bin/true"));
  EXPECT_EQ(error.exit_code(), 0);
  expect_words(error, {"/bin/true", "is it Python?"});
}

TEST_F(Start, AProgramThatComplains) {
  const auto error = start_error<py4cpp::WorkerDied>(config_of("/bin/cat"));
  EXPECT_EQ(error.exit_code(), 1);
  EXPECT_NE(error.stderr_tail().find("invalid option"), std::string::npos);
  expect_words(error, {"/bin/cat", "invalid option"});
}

TEST_F(Start, AShell) {
  const auto error = start_error<py4cpp::WorkerDied>(config_of("/bin/sh"));
  EXPECT_NE(error.exit_code(), 0);
  EXPECT_FALSE(error.stderr_tail().empty());
  expect_words(error, {"/bin/sh", error.stderr_tail().substr(0, error.stderr_tail().find('\n'))});
}

TEST_F(Start, GarbageForAGreeting) {
  const std::string program =
      scratch.script("python3", "echo 'this is no greeting at all, by any means' >&4\nexec sleep 60\n");
  const auto error = start_error(config_of(program));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::incompatible);
  expect_words(error, {program, "is it Python?"});
}

TEST_F(Start, ItsOwnGreetingBack) {
  const std::string program = scratch.script("python3", "exec cat <&3 >&4\n");
  const auto error = start_error(config_of(program));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::incompatible);
  expect_words(error, {program, "is it Python?"});
}

TEST_F(Start, KilledBeforeItGreets) {
  const std::string program = scratch.script("python3", "echo going down >&2\nkill -9 $$\n");
  const auto error = start_error<py4cpp::WorkerDied>(config_of(program));
  EXPECT_EQ(error.signal(), SIGKILL);
  expect_words(error, {program, "going down"});
}

// ---- too slow

TEST_F(Start, AHang) {
  auto c = config_of(scratch.script("python3", "echo waiting for the network >&2\nexec sleep 60\n"));
  c.start_timeout = 300ms;
  const auto error = start_error<py4cpp::TimedOut>(c);
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::timeout);
  expect_words(error, {c.python, "300 ms", "waiting for the network"});
}

TEST_F(Start, AHangAmidAGreeting) {
  auto c = config_of(scratch.script("python3", "printf x >&4\ntrap '' TERM\nexec sleep 60\n"));
  c.start_timeout = 300ms;
  start_error<py4cpp::TimedOut>(c);
}

TEST_F(Start, AFloodOfComplaints) {
  auto c = config_of(scratch.script("python3", "exec yes 'a complaint of which there is no end' >&2\n"));
  c.start_timeout = 300ms;
  const auto error = start_error<py4cpp::TimedOut>(c);
  expect_words(error, {"300 ms", "a complaint"});
  EXPECT_LT(std::string_view(error.what()).size(), 20'000u);
}

TEST_F(Start, TheLastWordsOfMany) {
  const auto error = start_error<py4cpp::WorkerDied>(
      config_of(scratch.script("python3", "yes noise | head -c 4000000 >&2\necho 'the very last' >&2\nexit 5\n")));
  EXPECT_EQ(error.exit_code(), 5);
  expect_words(error, {"the very last"});
  EXPECT_LT(std::string_view(error.what()).size(), 20'000u);
  EXPECT_LE(error.stderr_tail().size(), std::size_t{1} << 20);
}

// ---- Python that doesn't get there

TEST_F(Start, DiesAtImport) {
  const auto error = start_error<py4cpp::WorkerDied>(with_sitecustomize(
      "import os, sys\nsys.stderr.write('the licence has expired\\n')\nsys.stderr.flush()\nos._exit(3)\n"));
  EXPECT_EQ(error.exit_code(), 3);
  expect_words(error, {"the licence has expired"});
}

TEST_F(Start, AnotherModuleInTheWay) {
  scratch.file("site/atexit_.py", "");
  scratch.file("site/linecache.py", "raise ImportError('this linecache is broken')\n");
  scratch.file("site/io.py", "raise ImportError('never reached')\n");  // builtin by then
  auto c = config();
  c.environment["PYTHONPATH"] = (scratch.path() / "site").string();
  py4cpp::Python py{c};  // whatever shadows a module we don't need must not matter
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Start, TooOld) {
  const auto error = start_error(
      with_sitecustomize("import sys\nsys.version_info = (3, 9, 2, 'final', 0)\nsys.version = '3.9.2 (an old one)'\n"));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::incompatible);
  expect_words(error, {"3.11 or newer", "3.9.2", test_python()});
}

TEST_F(Start, AnotherImplementation) {
  const auto error = start_error(with_sitecustomize("import sys\nsys.version = '3.11.4 [PyPy 7.3.12]'\n"));
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::incompatible);
  expect_words(error, {"CPython", "PyPy"});
}

// ---- the package

TEST_F(Start, NoPackage) {
  EXPECT_EQ(in_host_child([] {
              setenv("PY4CPP_PACKAGE_DIR", "/no/such/package", 1);
              const auto error = start_error(config());
              EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
              expect_words(error, {"/no/such/package", "PY4CPP_PACKAGE_DIR", "_native"});
              return HasFailure() ? 1 : 0;
            }),
            0);
}

TEST_F(Start, APackageThatIsBroken) {
  EXPECT_EQ(in_host_child([&] {
              setenv("PY4CPP_PACKAGE_DIR", fake_package("from . import _native\n").c_str(), 1);
              const auto error = start_error<py4cpp::WorkerDied>(config());
              EXPECT_EQ(error.exit_code(), 1);
              expect_words(error, {"ImportError", "_native.abi3.so"});
              return HasFailure() ? 1 : 0;
            }),
            0);
}

TEST_F(Start, APackageThatDoesNothing) {
  EXPECT_EQ(in_host_child([&] {
              setenv("PY4CPP_PACKAGE_DIR", fake_package("def main(*descriptors): pass\n").c_str(), 1);
              const auto error = start_error<py4cpp::WorkerDied>(config());
              EXPECT_EQ(error.exit_code(), 0);
              expect_words(error, {test_python(), "before it was a worker"});
              return HasFailure() ? 1 : 0;
            }),
            0);
}

TEST_F(Start, APackageThatRefuses) {
  EXPECT_EQ(in_host_child([&] {
              const std::string code =
                  "import sys\ndef main(*descriptors):\n    sys.exit('built for another machine')\n";
              setenv("PY4CPP_PACKAGE_DIR", fake_package(code).c_str(), 1);
              const auto error = start_error<py4cpp::WorkerDied>(config());
              EXPECT_EQ(error.exit_code(), 1);
              expect_words(error, {"built for another machine"});
              return HasFailure() ? 1 : 0;
            }),
            0);
}

// It answers our greeting with the same one but for the protocol.
TEST_F(Start, APackageOfAnotherBuild) {
  EXPECT_EQ(in_host_child([&] {
              const std::string hash = std::to_string(protocol_hash());
              const std::string code =
                  "import os, struct, time\n"
                  "def main(read, write):\n"
                  "    ours = struct.pack('<Q', " +
                  hash +
                  ")\n"
                  "    greeting = os.read(read, 65536)\n"
                  "    assert greeting.count(ours) == 1, greeting\n"
                  "    os.write(write, greeting.replace(ours, struct.pack('<Q', " +
                  hash +
                  " ^ 1)))\n"
                  "    time.sleep(60)\n";
              const std::string directory = fake_package(code);
              setenv("PY4CPP_PACKAGE_DIR", directory.c_str(), 1);
              const auto error = start_error(config());
              EXPECT_EQ(error.kind(), py4cpp::ErrorKind::incompatible);
              expect_words(error, {directory, "protocol", "one build"});
              return HasFailure() ? 1 : 0;
            }),
            0);
}

// ---- afterwards

TEST_F(Start, TheNextOneStarts) {
  EXPECT_THROW(py4cpp::Python{config_of("/bin/true")}, py4cpp::WorkerDied);
  py4cpp::Python py{config()};
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Start, RestartFailsClearlyAndThenWorks) {
  const std::string program = scratch.script("python3", "exec " + test_python() + " \"$@\"\n");
  auto c = config_of(program);
  c.restart = py4cpp::Restart::on_next_call;
  py4cpp::Python py{c};
  py.stop();
  fs::rename(program, program + ".away");
  const auto error = thrown_by<py4cpp::Error>([&] { py.eval<int>("1"); });
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
  expect_words(error, {program, "does not exist"});
  fs::rename(program + ".away", program);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Start, WithoutNumpyEverythingButArraysWorks) {
  py4cpp::Python py{config_of(scratch.script("python3", "exec " + test_python() + " -S \"$@\"\n"))};
  EXPECT_THROW(py.import("numpy"), py4cpp::errors::ModuleNotFoundError);
  EXPECT_EQ(py.eval<int>("x + 1", "x"_a = 41), 42);
  EXPECT_EQ(py.call<std::vector<int>>("list", std::vector<int>{1, 2, 3}), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(py.eval<std::string>("'ä' * 3"), "äää");
  py.export_function("twice", [](int x) { return 2 * x; });
  EXPECT_EQ(py.eval<int>("twice(21)"), 42);
  EXPECT_THROW(py.exec("1 / 0"), py4cpp::errors::ZeroDivisionError);
  py4cpp::Object list = py.eval<py4cpp::Object>("[1, 2]");
  EXPECT_EQ(list.len(), 2u);

  py4cpp::Array<double> array = py.array<double>({1000});
  array.view() = 1.0;
  const auto error = thrown_by<py4cpp::PythonError>([&] { py.call<double>("sum", array); });
  EXPECT_TRUE(error.matches("ImportError")) << error.type();
  expect_words(error, {"numpy", "install"});
  EXPECT_EQ(py.eval<int>("2"), 2);
}

}  // namespace py4cpp::test
