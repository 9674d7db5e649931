// Where a Config comes from: its file, which is read and saved, and the environment.
#include "config_fixture.hpp"

#include <sys/stat.h>

#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <thread>

namespace py4cpp::test {
namespace {

using namespace std::chrono_literals;

using ConfigFile = ConfigTest;

TEST_F(ConfigFile, WithoutAFileLoadGivesTheDefaults) {
  for (const fs::path& path : {file(), directory_ / "no/such/directory/config.toml", file() / "below_a_file"}) {
    setenv("PY4CPP_CONFIG", path.c_str(), 1);
    const Config config = Config::load();
    for (const std::string& key : keys()) EXPECT_EQ(config.get(key), Config().get(key)) << key;
  }
  write("");
  setenv("PY4CPP_CONFIG", (file() / "below_a_file").c_str(), 1);
  EXPECT_EQ(Config::load().inline_limit, 8192U);
  setenv("PY4CPP_CONFIG", "/dev/null", 1);
  EXPECT_EQ(Config::load().inline_limit, 8192U);
}

TEST_F(ConfigFile, PathPrefersTheVariableThenXdgThenHome) {
  setenv("HOME", "/home/someone", 1);
  setenv("XDG_CONFIG_HOME", "/xdg", 1);
  EXPECT_EQ(Config::path(), file());
  setenv("PY4CPP_CONFIG", "", 1);
  EXPECT_EQ(Config::path(), "/xdg/py4cpp/config.toml");
  setenv("XDG_CONFIG_HOME", "relative", 1);
  EXPECT_EQ(Config::path(), "/home/someone/.config/py4cpp/config.toml");
  unsetenv("XDG_CONFIG_HOME");
  EXPECT_EQ(Config::path(), "/home/someone/.config/py4cpp/config.toml");
  unsetenv("HOME");
  EXPECT_TRUE(Config::path().empty() || Config::path().is_absolute());
}

TEST_F(ConfigFile, TheFileIsReadAndTheEnvironmentWins) {
  write(
      "python = '/opt/python'\n"
      "inline_limit = 16384\n"
      "shared_memory_limit = '2 GiB'\n"
      "cache_limit = 'auto'\n"
      "spin = 7\n"
      "timeout = '1.5s'\n"
      "start_timeout = 1500.0\n"
      "stop_timeout = 0\n"
      "restart = 'on_next_call'\n"
      "working_directory = '/data'\n"
      "startup = '''\nimport math\nx = 1\n'''\n"
      "[environment]\nOMP_NUM_THREADS = 4\n'A B' = \"two words\"\n");
  const Config config = Config::load();
  EXPECT_EQ(config.python, "/opt/python");
  EXPECT_EQ(config.inline_limit, 16384U);
  EXPECT_EQ(config.shared_memory_limit, 2'147'483'648U);
  EXPECT_EQ(config.cache_limit, Config::automatic);
  EXPECT_EQ(config.spin, 7us);
  EXPECT_EQ(config.timeout, 1500ms);
  EXPECT_EQ(config.start_timeout, 1500ms);
  EXPECT_EQ(config.stop_timeout, 0ms);
  EXPECT_EQ(config.restart, Restart::on_next_call);
  EXPECT_EQ(config.working_directory, "/data");
  EXPECT_EQ(config.startup, "import math\nx = 1\n");
  EXPECT_EQ(config.environment, (std::map<std::string, std::string>{{"OMP_NUM_THREADS", "4"}, {"A B", "two words"}}));

  setenv("PY4CPP_PYTHON", "python3.12", 1);
  setenv("PY4CPP_INLINE_LIMIT", "1KiB", 1);
  setenv("PY4CPP_TIMEOUT", "3", 1);
  setenv("PY4CPP_RESTART", "", 1);  // empty: as if unset
  const Config overridden = Config::load();
  EXPECT_EQ(overridden.python, "python3.12");
  EXPECT_EQ(overridden.inline_limit, 1024U);
  EXPECT_EQ(overridden.timeout, 3ms);
  EXPECT_EQ(overridden.restart, Restart::on_next_call);
  EXPECT_EQ(overridden.spin, 7us);
}

TEST_F(ConfigFile, EveryFieldHasAVariable) {
  const std::map<std::string, std::string> values{{"python", "p"},
                                                  {"inline_limit", "1"},
                                                  {"shared_memory_limit", "2"},
                                                  {"cache_limit", "3"},
                                                  {"spin", "4"},
                                                  {"timeout", "5"},
                                                  {"start_timeout", "6"},
                                                  {"stop_timeout", "7"},
                                                  {"restart", "on_next_call"},
                                                  {"working_directory", "/"},
                                                  {"startup", "pass"}};
  ASSERT_EQ(values.size(), keys().size());
  for (const auto& [key, text] : values) {
    std::string name = "PY4CPP_" + key;
    for (char& letter : name) letter = static_cast<char>(std::toupper(letter));
    setenv(name.c_str(), text.c_str(), 1);
  }
  const Config config = Config::load();
  for (const auto& [key, text] : values) EXPECT_EQ(config.get(key), text) << key;
}

TEST_F(ConfigFile, ABadFileIsNamedWithLineAndKey) {
  struct Case {
    std::string text, line;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases{
      {"\n\nspin = 'fast'\n", ":3: ", {"spin", "\"fast\"", "microseconds"}},
      {"python = ''\ninlin_limit = 4\n", ":2: ", {"inlin_limit", "inline_limit", "environment.NAME"}},
      {"python = 5\n", ":1: ", {"python", "text"}},
      {"inline_limit = -5\n", ":1: ", {"inline_limit", "\"-5\""}},
      {"inline_limit = true\n", ":1: ", {"inline_limit", "bytes"}},
      {"timeout = [1]\n", ":1: ", {"timeout", "milliseconds"}},
      {"timeout = inf\n", ":1: ", {"timeout", "\"inf\""}},
      {"restart = 'no'\n", ":1: ", {"restart", "on_next_call"}},
      {"on_stdout = 'x'\n", ":1: ", {"unknown key \"on_stdout\""}},
      {"python = \"a\\u0000b\"\n", ":1: ", {"python", "NUL"}},
      {"environment = 'A=b'\n", ":1: ", {"environment", "[environment]"}},
      {"[environment]\nA = 'x'\nB = [1]\n", ":3: ", {"environment.B", "string"}},
      {"[environment]\n'A=B' = 'x'\n", ":2: ", {"A=B"}},
      {"[python]\nx = 1\n", ":1: ", {"python"}},
      {"spin = 1\nspin = 2\n", ":2: ", {"spin"}},
      {"spin = \n", ":1: ", {}},
      {"python = 'a\xff'\n", ":1: ", {}},
  };
  for (const Case& bad : cases) {
    write(bad.text);
    const std::string what = complaint([] { Config::load(); });
    EXPECT_TRUE(what.starts_with(file().string() + bad.line)) << bad.text << what;
    for (const std::string& part : bad.parts) EXPECT_TRUE(contains(what, part)) << part << " is not in " << what;
  }
}

TEST_F(ConfigFile, AnUnreadableFileIsNamed) {
  fs::create_directory(file());
  EXPECT_TRUE(contains(complaint([] { Config::load(); }), file().string() + ": cannot be read"));
  fs::remove(file());
  write(std::string((1U << 20U) + 1, '#'));
  EXPECT_TRUE(contains(complaint([] { Config::load(); }), "larger than 1 MiB"));
  fs::remove(file());
  ASSERT_EQ(mkfifo(file().c_str(), 0600), 0);
  EXPECT_EQ(Config::load().spin, 20us) << "an empty FIFO reads as an empty file";
}

TEST_F(ConfigFile, ABadVariableIsNamed) {
  setenv("PY4CPP_STOP_TIMEOUT", "soon", 1);
  const std::string what = complaint([] { Config::load(); });
  EXPECT_TRUE(what.starts_with("PY4CPP_STOP_TIMEOUT: bad value \"soon\"")) << what;
}

TEST_F(ConfigFile, SaveAndLoadGiveTheSame) {
  const Config config{
      .python = "/opt/py \"thon\"\\ \u00fc'''\"\"\"",
      .inline_limit = UINT64_MAX,
      .shared_memory_limit = 123,
      .cache_limit = 456,
      .spin = 0us,
      .timeout = 12'345ms,
      .start_timeout = 1ms,
      .stop_timeout = 2ms,
      .restart = Restart::on_next_call,
      .working_directory = "/a b/c",
      .environment = {{"PLAIN", "x"}, {"with space", "\t'\"\\"}, {"EMPTY", ""}, {"LINES", "\na\r\nb\n"}},
      .startup = "\n\ndef f():\n\treturn '''a\"\"\"b''' + \"\\n\"\r\n# \x01\x7f\n\n"};
  config.save();
  const Config loaded = Config::load();
  for (const std::string& key : keys()) EXPECT_EQ(loaded.get(key), config.get(key)) << key << "\n" << read();
  EXPECT_EQ(loaded.environment, config.environment);
  EXPECT_TRUE(contains(read(), "timeout = 12345\n"));
  EXPECT_TRUE(contains(read(), "cache_limit = 456\n"));

  Config().save();
  EXPECT_EQ(Config::load().get("cache_limit"), "auto");
  EXPECT_TRUE(Config::load().environment.empty());
  EXPECT_EQ(files_here(), 1U) << "a temporary file was left";
}

TEST_F(ConfigFile, SaveMakesDirectoriesAndKeepsPermissions) {
  const mode_t mask = umask(022);
  const fs::path deep = directory_ / "a/b/config.toml";
  setenv("PY4CPP_CONFIG", deep.c_str(), 1);
  Config().save();
  EXPECT_EQ(fs::status(deep).permissions(), fs::perms(0644));
  fs::permissions(deep, fs::perms(0600));
  Config{.python = "p"}.save();
  EXPECT_EQ(fs::status(deep).permissions(), fs::perms(0600));
  EXPECT_EQ(Config::load().python, "p");
  umask(077);
  setenv("PY4CPP_CONFIG", (directory_ / "private.toml").c_str(), 1);
  Config().save();
  EXPECT_EQ(fs::status(directory_ / "private.toml").permissions(), fs::perms(0600));
  umask(mask);
}

TEST_F(ConfigFile, SaveFollowsASymbolicLink) {
  write("spin = 1\n");
  const fs::path link = directory_ / "link.toml";
  fs::create_symlink("config.toml", link);
  setenv("PY4CPP_CONFIG", link.c_str(), 1);
  Config{.spin = 9us}.save();
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_TRUE(contains(read(), "spin = 9\n"));
}

TEST_F(ConfigFile, SaveRefusesWhatItCannotKeep) {
  const std::string before = "spin = 1\n";
  write(before);
  for (const Config& config : {Config{.python = "not utf-8 \xff"}, Config{.timeout = -1ms},
                               Config{.environment = {{"A", std::string("\0", 1)}}}, Config{.environment = {{"", "x"}}},
                               Config{.python = std::string("\0", 1)}}) {
    EXPECT_TRUE(contains(complaint([&] { config.save(); }), "cannot be saved"));
    EXPECT_EQ(read(), before);
  }
  setenv("PY4CPP_CONFIG", "/dev/null", 1);
  EXPECT_TRUE(contains(complaint([] { Config().save(); }), "/dev/null: not a regular file"));
  setenv("PY4CPP_CONFIG", (file() / "below/config.toml").c_str(), 1);
  EXPECT_TRUE(contains(complaint([] { Config().save(); }), file().string()));
  setenv("PY4CPP_CONFIG", "/proc/self/config.toml", 1);
  EXPECT_TRUE(contains(complaint([] { Config().save(); }), "/config.toml: cannot be written"));
  EXPECT_EQ(files_here(), 1U);
}

TEST_F(ConfigFile, AReaderNeverSeesHalfAFile) {
  Config long_one{.startup = std::string(100'000, 'x')};
  long_one.save();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int round = 0; round < 50; ++round) (round % 2 == 0 ? Config() : long_one).save();
    done = true;
  });
  std::size_t reads = 0;
  while (!done) {
    const std::size_t size = Config::load().startup.size();
    EXPECT_TRUE(size == 0 || size == 100'000) << size;
    ++reads;
  }
  writer.join();
  EXPECT_GT(reads, 0U);
  EXPECT_EQ(files_here(), 1U);
}

}  // namespace
}  // namespace py4cpp::test
