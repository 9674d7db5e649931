// Config's fields, and their values as text.
#include "config_fixture.hpp"

#include <chrono>
#include <cstdint>

namespace py4cpp::test {
namespace {

using namespace std::chrono_literals;

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

}  // namespace
}  // namespace py4cpp::test
