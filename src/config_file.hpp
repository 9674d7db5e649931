// The configuration file as text: reading it whole and replacing it at one stroke. Errors are ConfigErrors that name
// the file. Any thread or process may read while another replaces.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace py4cpp {

// Empty if there is no such file. Never waits, and refuses more than 1 MiB.
std::optional<std::string> read_config_file(const std::filesystem::path& file);

// A reader sees the old text or the new one, also after a crash. Missing directories are made; a file that existed
// keeps its permissions, a new one has 0644 less the umask. A symbolic link is followed, not replaced.
void replace_config_file(const std::filesystem::path& file, std::string_view text);

}  // namespace py4cpp
