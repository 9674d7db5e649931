#include <py4cpp/config.hpp>
#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace py4cpp {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The message of the ConfigError that `action` throws; empty if it throws none.
template <class Action>
std::string complaint(Action action) {
  try {
    action();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return {};
}

// An empty directory with the variables that Config reads set to nothing, all as before afterwards.
class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "py4cpp_config_test.XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    for (const char* variable :
         {"HOME", "XDG_CONFIG_HOME", "PY4CPP_CONFIG", "PY4CPP_PYTHON", "PY4CPP_INLINE_LIMIT",
          "PY4CPP_SHARED_MEMORY_LIMIT", "PY4CPP_CACHE_LIMIT", "PY4CPP_SPIN", "PY4CPP_TIMEOUT", "PY4CPP_START_TIMEOUT",
          "PY4CPP_STOP_TIMEOUT", "PY4CPP_RESTART", "PY4CPP_WORKING_DIRECTORY", "PY4CPP_STARTUP"}) {
      const char* value = std::getenv(variable);
      saved_[variable] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
      unsetenv(variable);
    }
    setenv("PY4CPP_CONFIG", file().c_str(), 1);
  }

  void TearDown() override {
    for (const auto& [name, value] : saved_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    fs::remove_all(directory_);
  }

  fs::path file() const { return directory_ / "config.toml"; }
  void write(std::string_view text) const { std::ofstream(file(), std::ios::binary) << text; }
  std::string read() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t files_here() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  fs::path directory_;
  std::map<std::string, std::optional<std::string>> saved_;
};

const std::vector<std::string>& keys() {
  static const std::vector<std::string> all{
      "python",       "inline_limit", "shared_memory_limit", "cache_limit", "spin", "timeout", "start_timeout",
      "stop_timeout", "restart",      "working_directory",   "startup"};
  return all;
}

TEST_F(ConfigTest, DesignatedInitialisersTakeEveryFieldInOrder) {
  const Config all{.python = "p",
                   .inline_limit = 1,
                   .shared_memory_limit = 2,
                   .cache_limit = 3,
                   .spin = 5us,
                   .timeout = 2s,
                   .start_timeout = 1s,
                   .stop_timeout = 1500ms,
                   .restart = Restart::on_next_call,
                   .working_directory = "/",
                   .environment = {{"A", "b"}},
                   .startup = "x = 1",
                   .on_stdout = nullptr,
                   .on_stderr = [](std::string_view) {}};
  // A field more or less does not compile: then the table in config.cpp wants it, too.
  const auto& [python, inline_limit, memory, cache, spin, timeout, start, stop, restart, cwd, environment, startup, out,
               err] = all;
  EXPECT_EQ(python, "p");
  EXPECT_EQ(inline_limit + memory + cache, 6U);
  EXPECT_EQ(spin + timeout + start + stop, 4'500'005us);
  EXPECT_EQ(restart, Restart::on_next_call);
  EXPECT_EQ(cwd, "/");
  EXPECT_EQ(environment.at("A"), "b");
  EXPECT_EQ(startup, "x = 1");
  EXPECT_TRUE(!out && err);
}

TEST_F(ConfigTest, Defaults) {
  const Config config;
  const std::map<std::string, std::string> expected{{"python", ""},
                                                    {"inline_limit", "8192"},
                                                    {"shared_memory_limit", "0"},
                                                    {"cache_limit", "auto"},
                                                    {"spin", "20"},
                                                    {"timeout", "0"},
                                                    {"start_timeout", "30000"},
                                                    {"stop_timeout", "5000"},
                                                    {"restart", "never"},
                                                    {"working_directory", ""},
                                                    {"startup", ""}};
  ASSERT_EQ(expected.size(), keys().size());
  for (const auto& [key, text] : expected) EXPECT_EQ(config.get(key), text) << key;
  EXPECT_EQ(config.cache_limit, Config::automatic);
  EXPECT_TRUE(config.environment.empty());
}

TEST_F(ConfigTest, WithoutAFileLoadGivesTheDefaults) {
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

TEST_F(ConfigTest, PathPrefersTheVariableThenXdgThenHome) {
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

TEST_F(ConfigTest, TheFileIsReadAndTheEnvironmentWins) {
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

TEST_F(ConfigTest, EveryFieldHasAVariable) {
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

TEST_F(ConfigTest, SizesAsPeopleWriteThem) {
  const std::map<std::string, std::uint64_t> sizes{{"0", 0},
                                                   {"16384", 16384},
                                                   {" 64 MiB ", 64U << 20U},
                                                   {"64mib", 64U << 20U},
                                                   {"1GiB", 1U << 30U},
                                                   {"1.5 GiB", 3U << 29U},
                                                   {"1.3 KiB", 1331},
                                                   {"2KB", 2000},
                                                   {"10 b", 10},
                                                   {".5 KiB", 512},
                                                   {"3. KiB", 3072},
                                                   {"2 TB", 2'000'000'000'000U},
                                                   {"18446744073709551615", UINT64_MAX}};
  for (const auto& [text, bytes] : sizes) {
    Config config;
    config.set("inline_limit", text);
    EXPECT_EQ(config.inline_limit, bytes) << text;
    EXPECT_EQ(config.get("inline_limit"), std::to_string(bytes));
  }
  for (const char* text : {"", " ", "-1", "+1", "KiB", "1 KiBs", "1 2", "0x10", "1e3", "nan", "auto", ".", "1.2.3",
                           "1,5", "18446744073709551616", "99999999 TiB", "0.00000000001 TiB", "1 MiB MiB"}) {
    Config config;
    const std::string what = complaint([&] { config.set("inline_limit", text); });
    EXPECT_TRUE(contains(what, "inline_limit: bad value \"")) << text << ": " << what;
    EXPECT_TRUE(contains(what, "KiB")) << what;
    EXPECT_EQ(config.inline_limit, 8192U);
  }
}

TEST_F(ConfigTest, TheCacheLimitMayBeAutomatic) {
  Config config;
  config.set("cache_limit", "2 MiB");
  EXPECT_EQ(config.cache_limit, 2U << 20U);
  config.set("cache_limit", "auto");
  EXPECT_EQ(config.cache_limit, Config::automatic);
  EXPECT_TRUE(contains(complaint([&] { config.set("cache_limit", "automatic"); }), "\"auto\""));
}

TEST_F(ConfigTest, DurationsAsPeopleWriteThem) {
  const std::map<std::string, std::chrono::microseconds> spins{
      {"20us", 20us}, {"20 \u00b5s", 20us}, {"7", 7us}, {"1.5ms", 1500us}, {"2000ns", 2us}, {"0", 0us}, {"1 S", 1s}};
  for (const auto& [text, spin] : spins) {
    Config config;
    config.set("spin", text);
    EXPECT_EQ(config.spin, spin) << text;
  }
  const std::map<std::string, std::chrono::milliseconds> timeouts{{"250", 250ms}, {"200ms", 200ms}, {"1.5s", 1500ms},
                                                                  {"2min", 120s}, {"0.5 h", 1800s}, {"3000us", 3ms}};
  for (const auto& [text, timeout] : timeouts) {
    Config config;
    config.set("timeout", text);
    EXPECT_EQ(config.timeout, timeout) << text;
    EXPECT_EQ(config.get("timeout"), std::to_string(timeout.count()));
  }
  // Finer than the field can hold, or longer than a clock can.
  for (const char* text : {"500us", "1.5", "0.0001s", "-1", "1 day", "", "ms", "700000h", "18446744073709551615"}) {
    Config config;
    const std::string what = complaint([&] { config.set("timeout", text); });
    EXPECT_TRUE(contains(what, "timeout: bad value \"" + std::string(text) + "\", expected ")) << text << ": " << what;
    EXPECT_EQ(config.timeout, 0ms);
  }
}

TEST_F(ConfigTest, SetNamesTheKeyAndListsTheValidOnes) {
  Config config;
  const std::string unknown = complaint([&] { config.set("inline_limits", "1"); });
  EXPECT_TRUE(contains(unknown, "\"inline_limits\"")) << unknown;
  for (const std::string& key : keys()) EXPECT_TRUE(contains(unknown, key)) << key << " is not in: " << unknown;
  EXPECT_TRUE(contains(unknown, "environment.NAME"));
  EXPECT_TRUE(contains(complaint([&] { (void)config.get("on_stdout"); }), "unknown key \"on_stdout\""));
  EXPECT_TRUE(contains(complaint([&] { config.set("", "1"); }), "unknown key \"\""));
  EXPECT_TRUE(contains(complaint([&] { config.set("restart", "always"); }), "restart: bad value \"always\""));
  EXPECT_TRUE(contains(complaint([&] { config.set("python", std::string_view("a\0b", 3)); }), "python: "));
  EXPECT_LT(complaint([&] { config.set("restart", std::string(100'000, 'x')); }).size(), 300U);
}

TEST_F(ConfigTest, OneVariableOfTheEnvironmentIsAKey) {
  Config config;
  config.set("environment.OMP_NUM_THREADS", "4");
  config.set("environment.a.b", "");
  EXPECT_EQ(config.get("environment.OMP_NUM_THREADS"), "4");
  EXPECT_EQ(config.get("environment.a.b"), "");
  EXPECT_EQ(config.environment.size(), 2U);
  EXPECT_TRUE(contains(complaint([&] { (void)config.get("environment.NO"); }), "environment.NO: is not set"));
  EXPECT_FALSE(complaint([&] { config.set("environment.", "x"); }).empty());
  EXPECT_FALSE(complaint([&] { config.set("environment.A=B", "x"); }).empty());
  EXPECT_FALSE(complaint([&] { config.set("environment.A", std::string_view("\0", 1)); }).empty());
  EXPECT_FALSE(complaint([&] { config.set("environment", "x"); }).empty());
}

TEST_F(ConfigTest, ABadFileIsNamedWithLineAndKey) {
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

TEST_F(ConfigTest, AnUnreadableFileIsNamed) {
  fs::create_directory(file());
  EXPECT_TRUE(contains(complaint([] { Config::load(); }), file().string() + ": cannot be read"));
  fs::remove(file());
  write(std::string((1U << 20U) + 1, '#'));
  EXPECT_TRUE(contains(complaint([] { Config::load(); }), "larger than 1 MiB"));
  fs::remove(file());
  ASSERT_EQ(mkfifo(file().c_str(), 0600), 0);
  EXPECT_EQ(Config::load().spin, 20us) << "an empty FIFO reads as an empty file";
}

TEST_F(ConfigTest, ABadVariableIsNamed) {
  setenv("PY4CPP_STOP_TIMEOUT", "soon", 1);
  const std::string what = complaint([] { Config::load(); });
  EXPECT_TRUE(what.starts_with("PY4CPP_STOP_TIMEOUT: bad value \"soon\"")) << what;
}

TEST_F(ConfigTest, SaveAndLoadGiveTheSame) {
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

TEST_F(ConfigTest, SaveMakesDirectoriesAndKeepsPermissions) {
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

TEST_F(ConfigTest, SaveFollowsASymbolicLink) {
  write("spin = 1\n");
  const fs::path link = directory_ / "link.toml";
  fs::create_symlink("config.toml", link);
  setenv("PY4CPP_CONFIG", link.c_str(), 1);
  Config{.spin = 9us}.save();
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_TRUE(contains(read(), "spin = 9\n"));
}

TEST_F(ConfigTest, SaveRefusesWhatItCannotKeep) {
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

TEST_F(ConfigTest, AReaderNeverSeesHalfAFile) {
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
}  // namespace py4cpp
