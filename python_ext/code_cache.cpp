#include "code_cache.hpp"

#include "names.hpp"

#include <iterator>
#include <utility>

namespace py4cpp {

namespace {

constexpr std::size_t most_entries = 1024;
constexpr std::size_t most_bytes = std::size_t{4} << 20;  // of texts, which their code is in proportion to
constexpr std::size_t longest_text = most_bytes / 8;      // longer ones are not kept: compiling is not what they cost

const char* mode_name(CodeCache::Mode mode) {
  switch (mode) {
    case CodeCache::Mode::eval:
      return "eval";
    case CodeCache::Mode::exec:
      return "exec";
    default:
      return "set";
  }
}

}  // namespace

Ref CodeCache::get(Mode mode, std::string_view text, std::span<const std::string_view> names) {
  if (text.size() > longest_text) return compile(mode, text, names);
  std::string key(1, static_cast<char>(mode));
  for (const std::string_view name : names) key.append(name).push_back('\0');
  key.append(1, '\1').append(text);
  if (const auto found = index_.find(key); found != index_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->compiled;
  }
  Ref compiled = compile(mode, text, names);
  insert(std::move(key), compiled);
  return compiled;
}

Ref CodeCache::compile(Mode mode, std::string_view text, std::span<const std::string_view> names) {
  if (!compile_text_) {
    const Ref module = checked(PyImport_ImportModule("py4cpp._code"));
    compile_text_ = attribute(module.get(), "compile_text");
  }
  const Ref tuple = checked(PyTuple_New(static_cast<Py_ssize_t>(names.size())));
  for (std::size_t i = 0; i < names.size(); ++i) {
    checked(PyTuple_SetItem(tuple.get(), static_cast<Py_ssize_t>(i), to_str(names[i]).release()));
  }
  const Ref function = compile_text_;
  return checked(PyObject_CallFunction(function.get(), "sOO", mode_name(mode), to_str(text).get(), tuple.get()));
}

void CodeCache::insert(std::string key, const Ref& compiled) {
  if (index_.contains(key)) return;  // by another thread meanwhile
  Entries dropped;                   // dies last: destroying functions is user code
  size_ += key.size();
  entries_.push_front({std::move(key), compiled});
  index_.emplace(entries_.front().key, entries_.begin());
  while (entries_.size() > most_entries || size_ > most_bytes) {
    const auto oldest = std::prev(entries_.end());
    index_.erase(oldest->key);
    size_ -= oldest->key.size();
    dropped.splice(dropped.begin(), entries_, oldest);
  }
}

}  // namespace py4cpp
