// The one global namespace, `__main__`, and what a dotted name means there. Made once by the server; needs the GIL.
#pragma once

#include "refs.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace py4cpp {

// UTF-8 (surrogates allowed) to str.
Ref to_str(std::string_view utf8);

// What was made of texts before, so that what is used often is made once. When it is full it starts afresh.
template <class T>
class TextMemo {
 public:
  const T* find(std::string_view text) const {
    const auto found = known_.find(text);
    return found != known_.end() ? &found->second : nullptr;
  }
  const T& put(std::string_view text, T made) {
    if (known_.size() >= most) known_.clear();
    return known_.insert_or_assign(std::string(text), std::move(made)).first->second;
  }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  static constexpr std::size_t most = 4096;
  std::unordered_map<std::string, T, Hash, std::equal_to<>> known_;
};

class Names {
 public:
  Names();

  PyObject* globals() const noexcept;

  // What "numpy.random.rand" means: the first part is looked up in the globals, then the builtins, then imported; each
  // further part is an attribute, or a submodule that is imported. Throws PythonRaised: NameError, ModuleNotFoundError
  // or AttributeError, whichever Python would raise, or what an import raised.
  Ref look_up(std::string_view dotted);

  // The name of an attribute or a keyword, interned as in compiled code.
  Ref name(std::string_view text);

  static Ref import_module(PyObject* full_name);  // importlib.import_module

 private:
  using Parts = std::vector<Ref>;

  Parts split(std::string_view dotted);
  Ref in_scope(PyObject* name) const;  // global or builtin, or nothing
  Ref first(const Parts& parts) const;
  static Ref next(const Ref& object, PyObject* part);

  Ref main_;  // the module, not its dict: at its end Python empties the dicts of modules that are still held
  Ref builtins_;
  TextMemo<Parts> dotted_;
  TextMemo<Ref> names_;
};

}  // namespace py4cpp
