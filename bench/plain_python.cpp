#include "plain_python.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

extern char** environ;

namespace py4cpp::bench {

PlainPython::PlainPython(const std::string& path, std::string_view code) {
  std::array<int, 2> down{};
  std::array<int, 2> up{};
  if (pipe2(down.data(), O_CLOEXEC) != 0 || pipe2(up.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, down[0], 0);
  posix_spawn_file_actions_adddup2(&actions, up[1], 1);
  std::string program(code);
  program += "\nimport sys\nfor line in sys.stdin:\n    print(answer(line.strip()), flush=True)\n";
  const std::array<char*, 4> arguments{const_cast<char*>(path.c_str()), const_cast<char*>("-c"), program.data(),
                                       nullptr};
  const int failed = posix_spawnp(&child_, path.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(down[0]);
  close(up[1]);
  to_ = down[1];
  from_ = up[0];
  if (failed != 0) throw std::runtime_error("can't start " + path);
}

PlainPython::~PlainPython() {
  close(to_);
  close(from_);
  waitpid(child_, nullptr, 0);
}

std::string PlainPython::ask(std::string_view line) {
  const std::string question = std::string(line) + "\n";
  if (write(to_, question.data(), question.size()) != static_cast<ssize_t>(question.size())) {
    throw std::runtime_error("the plain Python takes no question");
  }
  std::string answer;
  for (char letter = 0; read(from_, &letter, 1) == 1;) {
    if (letter == '\n') return answer;
    answer += letter;
  }
  throw std::runtime_error("the plain Python has ended");
}

}  // namespace py4cpp::bench
