// A plain Python process, without py4cpp, that answers lines with lines: what the same Python code costs outside of a
// worker. Owned by one thread.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

namespace py4cpp::bench {

class PlainPython {
 public:
  // Runs `code`, which must define answer(line), in the interpreter at `path`. Throws std::runtime_error.
  PlainPython(const std::string& path, std::string_view code);
  ~PlainPython();
  PlainPython(const PlainPython&) = delete;
  PlainPython& operator=(const PlainPython&) = delete;

  std::string ask(std::string_view line);  // throws std::runtime_error if it has ended

 private:
  int to_ = -1;
  int from_ = -1;
  pid_t child_ = -1;
};

}  // namespace py4cpp::bench
