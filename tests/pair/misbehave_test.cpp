// Python code that does what it shouldn't: the host goes on, and what can't go on ends, typed and in bounds.
#include "host_child.hpp"
#include "pair_fixture.hpp"
#include "scratch_dir.hpp"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <thread>

#include <signal.h>
#include <unistd.h>

namespace py4cpp::test {

using namespace std::chrono_literals;

using Misbehaving = PairTest;

// ---- output

TEST(MisbehavingOutput, AMebibyteOnEachStream) {
  std::size_t out = 0, err = 0;
  auto c = config();
  c.on_stdout = [&](std::string_view text) { out += text.size(); };
  c.on_stderr = [&](std::string_view text) { err += text.size(); };
  {
    py4cpp::Python py{c};
    py.exec(
        "import os, sys\n"
        "line = 'x' * 1023 + '\\n'\n"
        "for _ in range(1024):\n"
        "    sys.stdout.write(line)\n"
        "    sys.stderr.write(line)\n"
        "sys.stderr.flush()");
    EXPECT_EQ(out, std::size_t{1} << 20);
    py.exec("for _ in range(1024): os.write(1, line.encode()); os.write(2, line.encode())");
    EXPECT_EQ(py.eval<int>("1"), 1);
  }
  EXPECT_EQ(out, std::size_t{2} << 20);
  EXPECT_EQ(err, std::size_t{2} << 20);
}

TEST_F(Misbehaving, NothingComesFromItsInput) {
  EXPECT_EQ(py.eval<std::string>("__import__('sys').stdin.read()"), "");
  EXPECT_THROW(py.eval("input()"), py4cpp::errors::EOFError);
}

// ---- descriptors

namespace {

constexpr const char* close_and_open = R"(
import os
os.closerange(3, 4096)
files = [open(os.path.join(directory, str(i)), 'wb') for i in range(count)]
)";

// What was written into files that nobody wrote to.
std::uintmax_t written_into(const std::filesystem::path& directory) {
  std::uintmax_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) size += entry.file_size();
  return size;
}

}  // namespace

TEST_F(Misbehaving, ClosesDescriptorsThatAreNotItsOwn) {
  const ScratchDir scratch;
  bool served = true;
  try {
    py.exec(close_and_open, "directory"_a = scratch.path().string(), "count"_a = 100);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(py.eval<int>("i", "i"_a = i), i);
  } catch (const py4cpp::WorkerDied&) {
    served = false;
  }
  EXPECT_EQ(served, py.alive());
  EXPECT_EQ(written_into(scratch.path()), 0u);
}

// An interrupt wakes the thread that waits for C++.
TEST_F(Misbehaving, IsWokenByWhatItCanNotClose) {
  const ScratchDir scratch;
  py.exec(close_and_open, "directory"_a = scratch.path().string(), "count"_a = 100);
  std::atomic<bool> called{false}, interrupted{false}, returned{false};
  const auto waiting = py.call_async<void>(py.eval<py4cpp::Object>("lambda f: f.start().result()"), [&] {
    called = true;
    while (!interrupted) std::this_thread::sleep_for(1ms);
    returned = true;
  });
  while (!called) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(20ms);  // until it waits
  waiting.cancel();
  EXPECT_THROW(waiting.get(), py4cpp::errors::KeyboardInterrupt);
  interrupted = true;
  while (!returned) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(written_into(scratch.path()), 0u);
}

// With so few of them ours are among those closed, and their numbers are soon files of the user's.
TEST(MisbehavingDescriptors, ClosesOurs) {
  for (const int count : {0, 10, 240}) {
    const ScratchDir scratch;
    const ScratchDir programs;
    auto c = config();
    c.python = programs.script("python3", "ulimit -n 256\nexec " + test_python() + " \"$@\"\n");
    py4cpp::Python py{c};
    EXPECT_THROW(
        {
          py.exec(close_and_open, "directory"_a = scratch.path().string(), "count"_a = count);
          for (int i = 0; i < 100; ++i) py.eval<int>("i", "i"_a = i);
        },
        py4cpp::Error);
    EXPECT_THROW(py.eval("1"), py4cpp::WorkerDied);
    EXPECT_EQ(written_into(scratch.path()), 0u);
  }
}

TEST_F(Misbehaving, ClosesTheStandardStreams) {
  py.exec("import os\nfor descriptor in range(3): os.close(descriptor)");
  EXPECT_EQ(py.eval<int>("1"), 1);
  EXPECT_EQ(py.call<int>("len", std::string(100'000, 'x')), 100'000);
}

TEST_F(Misbehaving, OpensAsMuchAsItMay) {
  EXPECT_THROW(
      py.exec("import os, resource\n"
              "resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
              "files = []\n"
              "while True: files.append(open('/dev/null'))"),
      py4cpp::errors::OSError);
  EXPECT_EQ(py.eval<int>("len(files) > 0"), 1);
  py.exec("files.clear()");
}

// ---- processes

TEST_F(Misbehaving, ForksAChildThatExits) {
  EXPECT_EQ(py.eval<int>("7"), 7);
  py.exec(
      "import os\n"
      "child = os.fork()\n"
      "if child == 0: os._exit(5)\n"
      "code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])");
  EXPECT_EQ(py.eval<int>("code"), 5);
}

TEST_F(Misbehaving, ForksAChildThatComesBack) {
  for (const char* end : {"pass", "raise SystemExit(0)"}) {
    py.exec(std::string("import os\n"
                        "child = os.fork()\n"
                        "if child == 0: ") +
            end + "\nelse: code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])");
    EXPECT_EQ(py.eval<int>("code"), 0);
  }
  py.exec(
      "child = os.fork()\n"
      "if child == 0: raise SystemExit(9)\n"
      "else: code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])");
  EXPECT_EQ(py.eval<int>("code"), 9);
}

TEST_F(Misbehaving, ForksAChildThatUsesUs) {
  std::atomic<int> calls{0};
  py.export_function("hook", [&](int x) { return calls += x; });
  const auto array = py.array<double>({50'000});
  array.view() = 1.0;
  py.set("array", array);
  py.exec(R"(
import os, py4cpp
child = os.fork()
if child == 0:
    code = 0
    try:
        hook(1)
        code |= 1
    except RuntimeError as error:
        if 'forked' not in str(error): code |= 2
    try:
        py4cpp.empty(100000)
        code |= 4
    except Exception as error:
        if 'forked' not in str(error): code |= 4
    if array.sum() != 50000: code |= 8
    array = None
    del hook
    os._exit(code)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
)");
  EXPECT_EQ(py.eval<int>("code"), 0);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(py.eval<int>("hook(3)"), 3);
  EXPECT_EQ(py.eval<double>("array.sum()"), 50'000.0);
}

TEST_F(Misbehaving, RunsPrograms) {
  EXPECT_EQ(py.eval<std::string>("__import__('subprocess').run(['echo', 'hi'], capture_output=True, text=True).stdout"),
            "hi\n");
  EXPECT_EQ(py.eval<int>("__import__('os').waitstatus_to_exitcode(__import__('os').system('exit 3'))"), 3);
}

TEST_F(Misbehaving, RunsAPoolOfProcesses) {
  for (const char* method : {"fork", "spawn"}) {
    py.exec(
        "import multiprocessing\n"
        "with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "    result = pool.map(abs, [-1, -2, -3])\n"
        "    pool.close()\n"
        "    pool.join()",
        "method"_a = method);
    EXPECT_EQ(py.eval<std::vector<int>>("result"), (std::vector<int>{1, 2, 3})) << method;
  }
}

// ---- exceptions

TEST_F(Misbehaving, RaisesWhatEndsPrograms) {
  EXPECT_THROW(py.exec("raise SystemExit('over')"), py4cpp::errors::SystemExit);
  EXPECT_THROW(py.exec("raise KeyboardInterrupt('by hand')"), py4cpp::errors::KeyboardInterrupt);
  EXPECT_THROW(py.exec("raise GeneratorExit"), py4cpp::errors::GeneratorExit);
  EXPECT_THROW(py.exec("class Own(BaseException): pass\nraise Own('x')"), py4cpp::PythonError);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Misbehaving, RunsOutOfMemory) {
  EXPECT_THROW(py.eval("bytearray(1 << 62)"), py4cpp::errors::MemoryError);
  EXPECT_THROW(py.exec("import resource\n"
                       "limits = resource.getrlimit(resource.RLIMIT_AS)\n"
                       "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, limits[1]))\n"
                       "try:\n"
                       "    hoard = []\n"
                       "    while True: hoard.append(bytearray(16 << 20))\n"
                       "finally:\n"
                       "    hoard = None\n"
                       "    resource.setrlimit(resource.RLIMIT_AS, limits)"),
               py4cpp::errors::MemoryError);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Misbehaving, RecursesTooDeep) {
  EXPECT_THROW(py.exec("def f(): f()\nf()"), py4cpp::errors::RecursionError);
  const auto error = thrown_by<py4cpp::PythonError>([&] {
    py.eval("repr(nested)", "nested"_a = py.eval<py4cpp::Object>(
                                "__import__('functools').reduce(lambda inner, _: [inner], range(1000000), [])"));
  });
  EXPECT_TRUE(error.matches("RecursionError")) << error.type();
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Misbehaving, RaisesWhatCannotBeShown) {
  const auto error = thrown_by<py4cpp::PythonError>([&] {
    py.exec(
        "class Mute(ValueError):\n"
        "    def __str__(self): raise RuntimeError('no')\n"
        "    __repr__ = __str__\n"
        "raise Mute");
  });
  EXPECT_TRUE(error.matches("ValueError"));
  EXPECT_FALSE(error.message().empty());

  EXPECT_THROW(py.exec("class Leaving(ValueError):\n"
                       "    def __str__(self): raise SystemExit(1)\n"
                       "raise Leaving"),
               py4cpp::errors::ValueError);
  EXPECT_THROW(py.exec("class Odd(ValueError):\n"
                       "    def __str__(self): return 7\n"
                       "    def __getattribute__(self, name): raise OSError(name)\n"
                       "raise Odd"),
               py4cpp::errors::ValueError);
  EXPECT_THROW(py.exec("class Deep(ValueError):\n"
                       "    def __str__(self): return str(self)\n"
                       "raise Deep"),
               py4cpp::errors::ValueError);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

// What tells of an exception may import nothing that isn't there yet.
TEST_F(Misbehaving, LetsNothingBeImported) {
  py.exec("import builtins\ndef refuse(*arguments): raise OSError('no imports')\nbuiltins.__import__ = refuse");
  const auto error = thrown_by<py4cpp::errors::ValueError>([&] { py.exec("raise ValueError('wrong')"); });
  EXPECT_EQ(error.message(), "wrong");
  EXPECT_THROW(py.exec("import this"), py4cpp::errors::OSError);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

// systemd does when a user logs out; whoever hasn't attached them by then can't.
TEST_F(Misbehaving, RemovesNamesOfSharedMemory) {
  const auto array = py.array<double>({50'000});
  array.view() = 1.0;
  const std::string ours = "py4cpp." + std::to_string(getpid()) + ".",
                    theirs = "py4cpp." + std::to_string(py.pid()) + ".";
  py.exec("theirs = __import__('numpy').ones(50000)");
  for (const std::string& prefix : {ours, theirs}) {
    for (const std::string& name : names_with(prefix)) {
      if (!name.ends_with(".lease")) std::filesystem::remove("/dev/shm/" + name);
    }
  }
  EXPECT_THROW(py.call<double>("sum", array), py4cpp::errors::MemoryError);
  const auto error = thrown_by<py4cpp::Error>([&] { py.eval<py4cpp::Array<double>>("theirs"); });
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::exhausted) << error.what();
  EXPECT_NE(std::string(error.what()).find("RemoveIPC"), std::string::npos) << error.what();
  EXPECT_EQ(array.view()(49'999), 1.0);
  EXPECT_EQ(py.eval<double>("theirs.sum()"), 50'000.0);
}

TEST_F(Misbehaving, RaisesALotOfText) {
  constexpr std::size_t bound = std::size_t{3} << 20;
  const auto error =
      thrown_by<py4cpp::errors::ValueError>([&] { py.exec("raise ValueError('head' + 'x' * 10_000_000 + 'tail')"); });
  EXPECT_LT(error.message().size(), bound);
  EXPECT_TRUE(error.message().starts_with("head"));
  EXPECT_TRUE(error.message().ends_with("tail"));
  EXPECT_LT(error.traceback().size(), bound);
  EXPECT_LT(std::string_view(error.what()).size(), bound);

  const auto noted = thrown_by<py4cpp::errors::ValueError>([&] {
    py.exec(
        "error = ValueError('short')\n"
        "for i in range(2000): error.add_note('y' * 1000000 if i < 10 else 'z')\n"
        "raise error");
  });
  std::size_t size = 0;
  for (const std::string& note : noted.notes()) size += note.size();
  EXPECT_LT(size, 64 * bound);
  EXPECT_EQ(noted.message(), "short");
}

TEST_F(Misbehaving, RaisesLongChains) {
  const auto error = thrown_by<py4cpp::PythonError>([&] {
    py.exec(
        "error = None\n"
        "for i in range(10000):\n"
        "    next_error = ValueError(i)\n"
        "    next_error.__cause__ = error\n"
        "    error = next_error\n"
        "raise error");
  });
  EXPECT_EQ(error.message(), "9999");
  int length = 0;
  for (const py4cpp::PythonError* cause = error.cause(); cause != nullptr; cause = cause->cause()) ++length;
  EXPECT_GE(length, 8);
  EXPECT_LT(length, 10'000);
}

TEST_F(Misbehaving, RaisesChainsWithoutEnd) {
  const auto error = thrown_by<py4cpp::errors::ValueError>([&] {
    py.exec(
        "a, b = ValueError('a'), KeyError('b')\n"
        "a.__cause__, a.__context__ = b, b\n"
        "b.__cause__, b.__context__ = a, b\n"
        "raise a");
  });
  ASSERT_NE(error.cause(), nullptr);
  EXPECT_EQ(error.cause()->type(), "KeyError");
  int length = 0;
  for (const py4cpp::PythonError* cause = &error; cause != nullptr && length < 100; cause = cause->cause()) ++length;
  EXPECT_LT(length, 100);
}

}  // namespace py4cpp::test
