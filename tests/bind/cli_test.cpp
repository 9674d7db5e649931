// What the command `py4cpp` says and does. `py4cpp bind` has a file of its own.
#include "command.hpp"

#include "../scratch_dir.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace py4cpp::test {

class Command : public ::testing::Test {
 protected:
  std::string file() const { return (scratch_.path() / "config.toml").string(); }
  std::pair<int, std::string> run(const std::string& arguments, const std::string& more = "") {
    return run_command(arguments, "PY4CPP_CONFIG='" + file() + "' " + more);
  }
  std::string script(const std::string& text) {
    const auto path = scratch_.path() / "script.py";
    std::ofstream(path) << text;
    return path.string();
  }
  ScratchDir scratch_;
};

TEST_F(Command, ConfigShowsSetsAndSaves) {
  EXPECT_EQ(run("config inline_limit").second, "8192\n");
  EXPECT_EQ(run("config inline_limit '64 KiB'").first, 0);
  EXPECT_EQ(run("config inline_limit").second, "65536\n");
  EXPECT_EQ(run("config environment.WORD hello").first, 0);
  const auto [status, all] = run("config");
  EXPECT_EQ(status, 0);
  EXPECT_NE(all.find("inline_limit = 65536\n"), std::string::npos) << all;
  EXPECT_NE(all.find("environment.WORD = hello\n"), std::string::npos) << all;
  EXPECT_NE(all.find(file()), std::string::npos) << all;
  EXPECT_EQ(text_of(file()).find(test_python()), std::string::npos) << "what the environment overrides isn't saved";
}

TEST_F(Command, ConfigErrorsNameFileLineAndKey) {
  const auto unknown = run("config inline_limitt 5");
  EXPECT_NE(unknown.first, 0);
  EXPECT_NE(unknown.second.find("inline_limitt"), std::string::npos) << unknown.second;
  const auto bad = run("config inline_limit many");
  EXPECT_NE(bad.first, 0);
  EXPECT_NE(bad.second.find("many"), std::string::npos) << bad.second;
  std::ofstream(file()) << "timeout = 5\ninline_limit = \"many\"\n";
  for (const char* arguments : {"config", "config timeout 6", "init </dev/null", "segments --help && false"}) {
    EXPECT_NE(run(arguments).first, 0) << arguments;
  }
  EXPECT_NE(run("config").second.find(file() + ":2: inline_limit"), std::string::npos) << run("config").second;
}

TEST_F(Command, InitAsksAndSaves) {
  const auto [status, said] = run("init <<'END'\n" + test_python() + "\nnonsense\n1 MiB\n\n5s\non_next_call\nEND\n#");
  EXPECT_EQ(status, 0) << said;
  EXPECT_NE(said.find("nonsense"), std::string::npos) << "asked again: " << said;
  const std::string saved = text_of(file());
  EXPECT_NE(saved.find("python = \"" + test_python() + "\""), std::string::npos) << saved;
  EXPECT_NE(saved.find("inline_limit = 1048576\n"), std::string::npos) << saved;
  EXPECT_NE(saved.find("timeout = 5000\n"), std::string::npos) << saved;
  EXPECT_NE(saved.find("restart = \"on_next_call\"\n"), std::string::npos) << saved;
  EXPECT_EQ(run("init </dev/null").first, 0);
  EXPECT_EQ(text_of(file()), saved) << "no answers change nothing";
}

TEST_F(Command, DoctorFindsTheHealthyAndTheSick) {
  const auto healthy = run("doctor");
  EXPECT_EQ(healthy.first, 0) << healthy.second;
  for (const char* part : {"interpreter", "package", "/dev/shm", "worker", "numpy", "shared in both directions"}) {
    EXPECT_NE(healthy.second.find(part), std::string::npos) << part << " in " << healthy.second;
  }
  const auto sick = run("doctor", "PY4CPP_PYTHON=/no/such/python");
  EXPECT_NE(sick.first, 0);
  EXPECT_NE(sick.second.find("FAIL interpreter"), std::string::npos) << sick.second;
  EXPECT_NE(sick.second.find("/no/such/python"), std::string::npos) << sick.second;
  const auto no_python = run("doctor", "PY4CPP_PYTHON=/bin/true");
  EXPECT_NE(no_python.first, 0);
  EXPECT_NE(no_python.second.find("FAIL worker"), std::string::npos) << no_python.second;
}

TEST_F(Command, RunsScripts) {
  const auto [status, said] =
      run("run " + script("import sys\nprint(__name__, sys.argv[1:])\nsys.exit(3)") + " --flag a -- --help -h");
  EXPECT_EQ(status, 3);
  EXPECT_EQ(said, "__main__ ['--flag', 'a', '--', '--help', '-h']\n");
  EXPECT_EQ(run("run " + script("print('done')")).first, 0);
  const auto failed = run("run " + script("def f():\n    return {}['key']\nf()"));
  EXPECT_EQ(failed.first, 1);
  EXPECT_NE(failed.second.find("script.py\", line 2"), std::string::npos) << failed.second;
  EXPECT_NE(failed.second.find("KeyError: 'key'"), std::string::npos) << failed.second;
  EXPECT_NE(run("run /no/such/script.py").first, 0);
}

TEST_F(Command, ReplRunsWhatIsTyped) {
  const auto repl = [&](const std::string& lines) { return run("repl 2>&1 <<'END'\n" + lines + "\nEND\n#"); };
  const auto [status, said] = repl(
      "x = 3\nx\ndef f(n):\n    return n + x\n\nf(1)\n1/0\nf(\n  2)\nNone\n"
      "print('\u00e9')\nname = input('? ')\nan answer\nname\nif x:\n  print('last')");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(said,
            "3\n4\nTraceback (most recent call last):\n  File \"<stdin>\", line 1, in <module>\n"
            "ZeroDivisionError: division by zero\n5\n\u00e9\n? 'an answer'\nlast\n");
  EXPECT_EQ(repl("import sys\nsys.exit(4)\nprint('no more')"), (std::pair{4, std::string()}));
  EXPECT_EQ(repl("exit('told')"), (std::pair{1, std::string("told\n")}));
  EXPECT_EQ(run("repl </dev/null"), (std::pair{0, std::string()}));
  const auto syntax = repl("1 +\nx = (\n").second;
  EXPECT_NE(syntax.find("SyntaxError: "), std::string::npos) << syntax;
  EXPECT_EQ(repl("import os\nos._exit(7)").first, 1);
}

TEST_F(Command, ReplIsInterrupted) {
  // The worker signals the command as a terminal would.
  const auto [status, said] =
      run("repl 2>&1 <<'END'\n"
          "import os, signal, threading, time\n"
          "def later(): threading.Timer(0.2, os.kill, (os.getppid(), signal.SIGINT)).start()\n"
          "\n"
          "later(); time.sleep(60)\n"
          "print('after')\nEND\n#");
  EXPECT_EQ(status, 0);
  EXPECT_NE(said.find("\nKeyboardInterrupt\nafter\n"), std::string::npos) << said;
}

TEST_F(Command, BenchMeasuresThisMachine) {
  const auto [status, said] = run("bench --time 1 --largest 64");
  EXPECT_EQ(status, 0) << said;
  for (const char* part : {"Python 3.", "a worker, started and stopped", "call(\"int\", \"5\")", "call_async",
                           "callback", "C++ to Python", "1 MiB", "64 MiB"}) {
    EXPECT_NE(said.find(part), std::string::npos) << part << " in " << said;
  }
  EXPECT_EQ(said.find("0.00"), std::string::npos) << said;
}

TEST_F(Command, ListsAndCleansSegments) {
  EXPECT_EQ(run("segments").first, 0);
  const auto [status, said] = run("segments --clean");
  EXPECT_EQ(status, 0);
  EXPECT_NE(said.find("removed"), std::string::npos) << said;
}

TEST_F(Command, KnowsItsCommands) {
  EXPECT_NE(run("").first, 0);
  EXPECT_NE(run("no_such_command").first, 0);
  EXPECT_EQ(run("--help").first, 0);
  EXPECT_EQ(run("--version").second.find("py4cpp "), 0u);
}

}  // namespace py4cpp::test
