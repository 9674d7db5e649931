#include "names.hpp"

#include "interrupt.hpp"
#include "numpy_api.hpp"
#include "saved_error.hpp"

#include <utility>

namespace py4cpp {

namespace {

constexpr std::size_t longest_name = 1024;  // bytes; longer ones are not remembered

// Whether the error that is set says that this very module doesn't exist, rather than one that it imports.
bool says_missing(PyObject* module_name) {
  if (PyErr_ExceptionMatches(PyExc_ModuleNotFoundError) == 0) return false;
  const Ref error = SavedError().exception();
  const Ref name = Ref::steal(PyObject_GetAttrString(error.get(), "name"));
  const bool missing = name && PyObject_RichCompareBool(name.get(), module_name, Py_EQ) == 1;
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.get())), error.get());
  return missing;
}

[[noreturn]] void raise_name_error(PyObject* name) {
  const Ref text = checked(PyUnicode_FromFormat("name '%U' is not defined", name));
  const Ref error = checked(PyObject_CallFunctionObjArgs(PyExc_NameError, text.get(), nullptr));
  if (PyObject_SetAttrString(error.get(), "name", name) < 0) PyErr_Clear();
  PyErr_SetObject(PyExc_NameError, error.get());
  throw PythonRaised{};
}

// The full name of the submodule `part` of a package; nothing if the object is no package.
Ref submodule_name(PyObject* object, PyObject* part) {
  if (PyModule_Check(object) == 0) return {};
  const Ref path = Ref::steal(PyObject_GetAttrString(object, "__path__"));
  const Ref name = path ? Ref::steal(PyObject_GetAttrString(object, "__name__")) : Ref();
  if (!name || PyUnicode_Check(name.get()) == 0) {
    PyErr_Clear();
    return {};
  }
  return checked(PyUnicode_FromFormat("%U.%U", name.get(), part));
}

// PyImport_ImportModuleLevelObject(name) without a level: the top package of a dotted name. Null with an error set.
Ref import_top(PyObject* name) noexcept {
  const HeldInterrupts whole(Numpy::is_part(name));
  return Ref::steal(PyImport_ImportModuleLevelObject(name, nullptr, nullptr, nullptr, 0));
}

}  // namespace

Ref to_str(std::string_view utf8) {
  const char* data = utf8.empty() ? "" : utf8.data();
  return checked(PyUnicode_DecodeUTF8(data, static_cast<Py_ssize_t>(utf8.size()), "surrogatepass"));
}

Names::Names()
    : main_(checked(PyImport_ImportModule("__main__"))), builtins_(checked(PyImport_ImportModule("builtins"))) {}

PyObject* Names::globals() const noexcept { return PyModule_GetDict(main_.get()); }

Ref Names::name(std::string_view text) {
  if (const Ref* known = names_.find(text)) return *known;
  PyObject* interned = to_str(text).release();
  PyUnicode_InternInPlace(&interned);
  Ref made = Ref::steal(interned);
  return text.size() > longest_name ? made : names_.put(text, std::move(made));
}

Names::Parts Names::split(std::string_view dotted) {
  Parts parts;
  for (std::string_view rest = dotted;;) {
    const std::size_t dot = rest.find('.');
    parts.push_back(name(rest.substr(0, dot)));
    if (PyUnicode_GetLength(parts.back().get()) == 0) raise_name_error(to_str(dotted).get());
    if (dot == std::string_view::npos) return parts;
    rest.remove_prefix(dot + 1);
  }
}

Ref Names::in_scope(PyObject* name) const {
  for (const Ref* module : {&main_, &builtins_}) {
    if (PyObject* found = PyDict_GetItemWithError(PyModule_GetDict(module->get()), name)) return Ref::borrow(found);
    if (PyErr_Occurred() != nullptr) throw PythonRaised{};
  }
  return {};
}

Ref Names::first(const Parts& parts) const {
  PyObject* name = parts.front().get();
  if (Ref found = in_scope(name)) return found;
  Ref module = import_top(name);
  if (module) return module;
  if (parts.size() == 1 && says_missing(name)) {
    PyErr_Clear();
    raise_name_error(name);
  }
  throw PythonRaised{};
}

Ref Names::next(const Ref& object, PyObject* part) {
  Ref found = Ref::steal(PyObject_GetAttr(object.get(), part));
  if (found) return found;
  if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) throw PythonRaised{};
  SavedError no_attribute;
  if (const Ref full = submodule_name(object.get(), part)) {
    found = import_top(full.get());
    if (found) return checked(PyImport_GetModule(full.get()));
    if (!says_missing(full.get())) throw PythonRaised{};
  }
  no_attribute.restore();
  throw PythonRaised{};
}

Ref Names::look_up(std::string_view dotted) {
  if (dotted.find('.') == std::string_view::npos) {
    if (Ref found = in_scope(name(dotted).get())) return found;
  }
  const Parts* known = dotted_.find(dotted);
  const Parts parts = known != nullptr ? *known : split(dotted);  // a copy: what is known may change during an import
  Ref object = first(parts);
  for (std::size_t i = 1; i < parts.size(); ++i) object = next(object, parts[i].get());
  if (known == nullptr && dotted.size() <= longest_name) dotted_.put(dotted, parts);
  return object;
}

Ref Names::import_module(PyObject* full_name) {
  const Ref importlib = checked(PyImport_ImportModule("importlib"));
  const Ref function = attribute(importlib.get(), "import_module");
  const HeldInterrupts whole(Numpy::is_part(full_name));
  return checked(PyObject_CallFunctionObjArgs(function.get(), full_name, nullptr));
}

}  // namespace py4cpp
