// The layers, checked: a file includes only files of its own layer or of one that stands before it, and no file
// includes itself by a detour. (A header may end by including the bodies of its templates, which include it.)
//
// A file belongs to the layer that names it below; X stands for include/py4cpp/X.hpp, src/X.hpp and src/X.cpp. A file
// that no layer names fails the test, so does a name without a file.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "source_dir.hpp"

namespace py4cpp::test {
namespace {

namespace fs = std::filesystem;

struct Layer {
  std::string_view name;
  std::vector<std::string> files;
};

const std::vector<Layer>& layers() {
  static const std::vector<Layer> table = {
      // clang-format off
      {"base",
       {"affordable_memory", "config", "config_file", "dtype", "error", "errors", "fork_mark", "fresh_copy",
        "high_descriptor", "huge_pages", "plain_vector", "quantity", "stack_left", "version"}},
      {"layout",
       {"layout"}},
      {"segment",
       {"disposal", "lease", "segment", "segment_fork", "segment_pages"}},
      {"memory",
       {"arena", "block", "fork_pins", "free_space", "ledger", "process_arena"}},
      {"array",
       {"any_array", "array", "array_view", "arrow", "dlpack", "strided_loop", "xtensor_cxx20"}},
      {"value",
       {"arguments", "big_int", "callable", "collections", "collections_inline", "convert", "convert_array",
        "convert_chrono", "convert_container", "convert_path", "convert_scalar", "convert_struct", "eigen", "generator",
        "handle", "host_object", "monitor", "object", "request", "shared_node", "slice", "value", "value_compare",
        "value_text"}},
      {"wire",
       {"call_message", "codec", "exports", "failure_codec", "message", "pooled_writer", "wire"}},
      {"channel",
       {"channel", "interpreter", "interrupt_signal", "launch", "package_dir", "process", "spawn"}},
      {"session",
       {"call_table", "session", "session_lead", "session_output", "session_parts", "session_receive", "session_wait"}},
      {"extension",
       {"python_ext/as_object", "python_ext/call_arguments", "python_ext/code_cache", "python_ext/conversion",
        "python_ext/failure", "python_ext/feed_loop", "python_ext/freed_memory", "python_ext/from_wire",
        "python_ext/greeting", "python_ext/host_callable", "python_ext/host_calls", "python_ext/host_iterator",
        "python_ext/host_reference", "python_ext/interrupt", "python_ext/mapped_segment", "python_ext/message_values",
        "python_ext/module", "python_ext/names", "python_ext/ndarray", "python_ext/numpy_api",
        "python_ext/numpy_memory", "python_ext/object_table", "python_ext/pending_call", "python_ext/refs",
        "python_ext/saved_error", "python_ext/server", "python_ext/shared_block", "python_ext/slot_returns",
        "python_ext/stack_room", "python_ext/started_calls", "python_ext/steps", "python_ext/to_wire",
        "python_ext/watchdog"}},
      {"python",
       {"async_call", "attendant", "chain", "continuation", "deferred_callable", "elastic_executor",
        "followed_object", "function", "future", "guards", "python", "worker", "worker_linkage", "worker_side",
        "worker_writing"}},
      {"feed",
       {"collect", "feed", "feed_slot", "feed_state"}},
      {"everything",
       {"py4cpp"}},
      {"bind",
       {"binding", "cli/bind_writer", "cli/cpp_names"}},
      {"cli",
       {"cli/command_bench", "cli/command_bind", "cli/command_config", "cli/command_doctor", "cli/command_repl",
        "cli/command_run", "cli/commands", "cli/exit_status", "cli/main"}},
      // clang-format on
  };
  return table;
}

// Made by the build from schemas/wire.fbs.
constexpr std::string_view generated_header = "wire_generated.h";

struct Include {
  std::string text;  // as written, with its brackets or quotes
  bool at_the_end;   // behind declarations
  std::optional<std::string> file;
};

using Files = std::map<std::string, std::vector<Include>>;  // by path relative to the root of the tree

std::string stem_of(const std::string& file) {
  for (const std::string_view root : {"include/py4cpp/", "src/"}) {
    if (file.starts_with(root)) return fs::path(file.substr(root.size())).replace_extension().string();
  }
  return fs::path(file).replace_extension().string();
}

std::optional<std::size_t> layer_of(const std::string& file) {
  for (std::size_t index = 0; index < layers().size(); ++index) {
    const auto& names = layers()[index].files;
    if (std::find(names.begin(), names.end(), stem_of(file)) != names.end()) return index;
  }
  return std::nullopt;
}

std::vector<Include> included_by(const fs::path& file) {
  std::vector<Include> found;
  bool declarations_seen = false;
  std::ifstream input(file);
  for (std::string line; std::getline(input, line);) {
    constexpr std::string_view directive = "#include ";
    const std::size_t first = line.find_first_not_of(' ');
    if (first == std::string::npos || line.compare(first, 2, "//") == 0) continue;
    if (line[first] != '#') declarations_seen = true;
    if (line.compare(first, directive.size(), directive) != 0) continue;
    const std::size_t open = first + directive.size();
    const std::size_t close = line.find_first_of(">\"", open + 1);
    if (close != std::string::npos) {
      found.push_back({line.substr(open, close + 1 - open), declarations_seen, std::nullopt});
    }
  }
  return found;
}

// The file of ours that an include names: beside the one that includes it, or a private or public header.
std::optional<std::string> resolve(const std::string& from, const std::string& text,
                                   const std::set<std::string>& ours) {
  const std::string name = text.substr(1, text.size() - 2);
  const std::vector<std::string> candidates =
      text[0] == '"'
          ? std::vector<std::string>{(fs::path(from).parent_path() / name).lexically_normal().string(), "src/" + name}
          : std::vector<std::string>{"include/" + name};
  for (const std::string& candidate : candidates) {
    if (ours.contains(candidate)) return candidate;
  }
  return std::nullopt;
}

const Files& files() {
  static const Files all = [] {
    std::set<std::string> ours;
    for (const char* directory : {"include", "src", "python_ext"}) {
      for (const auto& entry : fs::recursive_directory_iterator(source_dir() / directory)) {
        const fs::path extension = entry.path().extension();
        if (extension == ".hpp" || extension == ".cpp") {
          ours.insert(entry.path().lexically_relative(source_dir()).generic_string());
        }
      }
    }
    Files found;
    for (const std::string& file : ours) {
      auto& includes = found[file] = included_by(source_dir() / file);
      for (Include& include : includes) include.file = resolve(file, include.text, ours);
    }
    return found;
  }();
  return all;
}

TEST(IncludeGraph, EveryFileHasALayer) {
  std::set<std::string> stems;
  for (const auto& [file, includes] : files()) {
    stems.insert(stem_of(file));
    EXPECT_TRUE(layer_of(file)) << file << " is in no layer: add it to the table in tests/include_graph_test.cpp";
  }
  for (const Layer& layer : layers()) {
    for (const std::string& name : layer.files) {
      EXPECT_TRUE(stems.contains(name)) << "layer " << layer.name << " names " << name << ", which doesn't exist";
    }
  }
}

TEST(IncludeGraph, NoFileIncludesWhatStandsAfterIt) {
  for (const auto& [file, includes] : files()) {
    for (const Include& include : includes) {
      if (!include.file) continue;
      EXPECT_LE(layer_of(*include.file), layer_of(file)) << file << " includes " << include.text;
    }
  }
}

TEST(IncludeGraph, NoFileIncludesItselfByADetour) {
  std::set<std::string> done;
  std::vector<std::string> path;
  const std::function<void(const std::string&)> visit = [&](const std::string& file) {
    if (const auto seen = std::find(path.begin(), path.end(), file); seen != path.end()) {
      std::string cycle;
      for (auto step = seen; step != path.end(); ++step) cycle += *step + " includes ";
      ADD_FAILURE() << cycle << file;
      return;
    }
    if (done.contains(file)) return;
    path.push_back(file);
    for (const Include& include : files().at(file)) {
      if (include.file && !include.at_the_end) visit(*include.file);
    }
    path.pop_back();
    done.insert(file);
  };
  for (const auto& [file, includes] : files()) visit(file);
}

TEST(IncludeGraph, EveryQuotedIncludeIsAFileOfOurs) {
  for (const auto& [file, includes] : files()) {
    for (const Include& include : includes) {
      if (include.text[0] != '"' || include.file) continue;
      EXPECT_EQ(include.text, '"' + std::string(generated_header) + '"') << "in " << file;
    }
  }
}

// Boost.Multiprecision takes two fifths of the time that <py4cpp/py4cpp.hpp> takes to compile.
TEST(IncludeGraph, OfThePublicHeadersOnlyTheOneForAllBringsMultiprecision) {
  for (const auto& [file, includes] : files()) {
    if (!file.starts_with("include/")) continue;
    for (const Include& include : includes) {
      if (include.text.starts_with("<boost/multiprecision/")) {
        EXPECT_EQ(file, "include/py4cpp/big_int.hpp");
      }
      if (include.text == "<py4cpp/big_int.hpp>") {
        EXPECT_EQ(file, "include/py4cpp/py4cpp.hpp");
      }
    }
  }
}

// Users get these headers, and so whatever they include.
TEST(IncludeGraph, PublicHeadersIncludeOnlyWhatUsersHave) {
  constexpr std::array<std::string_view, 4> packages = {"xtensor/", "boost/multiprecision/", "dlpack/", "Eigen/"};
  for (const auto& [file, includes] : files()) {
    if (!file.starts_with("include/")) continue;
    for (const Include& include : includes) {
      const std::string name = include.text.substr(1, include.text.size() - 2);
      const bool of_a_package = std::any_of(packages.begin(), packages.end(),
                                            [&](std::string_view package) { return name.starts_with(package); });
      const bool standard = name.find('/') == std::string::npos && name.find('.') == std::string::npos;
      const bool ours = include.file && include.file->starts_with("include/");
      EXPECT_TRUE(include.text[0] == '<' && (ours || standard || of_a_package)) << file << " includes " << include.text;
    }
  }
}

TEST(IncludeGraph, FlatBuffersAndInterprocessStayInTheirRooms) {
  for (const auto& [file, includes] : files()) {
    for (const Include& include : includes) {
      const std::string name = include.text.substr(1, include.text.size() - 2);
      if (name.starts_with("flatbuffers/") || name == generated_header) {
        EXPECT_EQ(layers().at(layer_of(file).value_or(0)).name, "wire") << file << " includes " << include.text;
      }
      if (name.starts_with("boost/interprocess/")) {
        EXPECT_EQ(file, "src/segment.cpp") << "includes " << include.text;
      }
    }
  }
}

}  // namespace
}  // namespace py4cpp::test
