// The one global namespace, `__main__`, and what a dotted name means there. Made once by the server; needs the GIL.
#pragma once

#include "refs.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace py4cpp {

// UTF-8 (surrogates allowed) to str.
Ref to_str(std::string_view utf8);

class Names {
 public:
  Names();

  PyObject* globals() const noexcept;

  // What "numpy.random.rand" means: the first part is looked up in the globals, then the builtins, then imported; each
  // further part is an attribute, or a submodule that is imported. Throws PythonRaised: NameError, ModuleNotFoundError
  // or AttributeError, whichever Python would raise, or what an import raised.
  Ref look_up(std::string_view dotted);

  static Ref import_module(PyObject* full_name);  // importlib.import_module

 private:
  using Parts = std::vector<Ref>;

  const Parts& split(std::string_view dotted);
  Ref in_scope(PyObject* name) const;  // global or builtin, or nothing
  Ref first(const Parts& parts) const;
  static Ref next(const Ref& object, PyObject* part);

  Ref main_;  // the module, not its dict: at its end Python empties the dicts of modules that are still held
  Ref builtins_;
  std::unordered_map<std::string, Parts> known_;  // names split before
  std::string key_;                               // reused for looking up in `known_`
};

}  // namespace py4cpp
