// Compiled texts, so that repeating one costs about a call: the least recently used make room. Made once by the server;
// needs the GIL, and lets other Python threads run while it compiles.
#pragma once

#include "refs.hpp"

#include <cstddef>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace py4cpp {

class CodeCache {
 public:
  enum class Mode : char { eval = 'e', exec = 'x', set = 's' };

  // Without names a code object for eval and exec; else a function that takes one value for each name, by position. For
  // set, a function of the value to assign. Throws PythonRaised: SyntaxError and its like.
  Ref get(Mode mode, std::string_view text, std::span<const std::string_view> names);

 private:
  struct Entry {
    std::string key;
    Ref compiled;
  };
  using Entries = std::list<Entry>;  // the most recently used first

  Ref compile(Mode mode, std::string_view text, std::span<const std::string_view> names);
  void insert(std::string key, const Ref& compiled);

  Ref compile_text_;  // of _code.py
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> index_;  // views of the entries' keys
  std::size_t size_ = 0;                                           // bytes of keys
};

}  // namespace py4cpp
