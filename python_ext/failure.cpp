#include "failure.hpp"

#include "names.hpp"
#include "saved_error.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace py4cpp {

namespace {

constexpr std::size_t most_exceptions = 64;       // of one chain
constexpr std::size_t most_whole_tracebacks = 4;  // with causes; further ones show only their own
constexpr std::size_t longest_message = std::size_t{1} << 20;
constexpr std::size_t most_notes = 64;
constexpr std::size_t most_bases = 256;

bool is_inside_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0u) == 0x80u; }

// The head and the tail of a long text, cut between characters.
std::string bounded(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  std::size_t head = longest / 2, tail = text.size() - longest / 2;
  while (head > 0 && is_inside_character(text[head])) --head;
  while (tail < text.size() && is_inside_character(text[tail])) ++tail;
  std::string cut(text.substr(0, head));
  cut.append(" ... ").append(std::to_string(tail - head)).append(" bytes left out ... ").append(text.substr(tail));
  return cut;
}

// Empty if it is no str or can't be encoded; leaves no error.
std::string text_of(PyObject* str) {
  if (str == nullptr || PyUnicode_Check(str) == 0) {
    PyErr_Clear();
    return {};
  }
  Py_ssize_t size = 0;
  if (const char* utf8 = PyUnicode_AsUTF8AndSize(str, &size)) {
    return bounded({utf8, static_cast<std::size_t>(size)}, longest_message);
  }
  PyErr_Clear();
  const Ref bytes = Ref::steal(PyUnicode_AsEncodedString(str, "utf-8", "surrogatepass"));
  if (!bytes) PyErr_Clear();
  return bytes ? bounded({PyBytes_AsString(bytes.get()), static_cast<std::size_t>(PyBytes_Size(bytes.get()))},
                         longest_message)
               : std::string();
}

std::string message_of(PyObject* exception) {
  const Ref text = Ref::steal(PyObject_Str(exception));
  if (text) return text_of(text.get());
  PyErr_Clear();
  return "<exception str() failed>";
}

std::string traceback_of(PyObject* exception, bool with_causes) {
  const Ref module = Ref::steal(PyImport_ImportModule("py4cpp._introspect"));
  const Ref text =
      module ? Ref::steal(PyObject_CallMethod(module.get(), "traceback_text", "Oi", exception, with_causes)) : Ref();
  return text_of(text.get());
}

Ref attribute_or_nothing(PyObject* object, const char* name) noexcept {
  Ref found = Ref::steal(PyObject_GetAttrString(object, name));
  if (!found) PyErr_Clear();
  return found;
}

std::vector<std::string> notes_of(PyObject* exception) {
  std::vector<std::string> notes;
  const Ref list = attribute_or_nothing(exception, "__notes__");
  const Py_ssize_t size = list && PyList_Check(list.get()) != 0 ? PyList_Size(list.get()) : 0;
  for (Py_ssize_t i = 0; i < size && notes.size() < most_notes; ++i) {
    if (PyObject* note = PyList_GetItem(list.get(), i)) notes.push_back(text_of(note));
    PyErr_Clear();
  }
  return notes;
}

std::vector<std::string> bases_of(PyTypeObject* type) {
  std::vector<std::string> bases;
  const Ref mro = attribute_or_nothing(reinterpret_cast<PyObject*>(type), "__mro__");
  const Py_ssize_t size = mro && PyTuple_Check(mro.get()) != 0 ? PyTuple_Size(mro.get()) : 0;
  for (Py_ssize_t i = 0; i < size && bases.size() < most_bases; ++i) {
    auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GetItem(mro.get(), i));
    if (base != &PyBaseObject_Type) bases.push_back(qualified_name(base));
  }
  return bases;
}

// Null before the first such error. The GIL is its lock.
PyObject* known_host_error_type = nullptr;

PyObject* host_error_type() {
  if (known_host_error_type == nullptr) {
    const Ref module = checked(PyImport_ImportModule("py4cpp"));
    known_host_error_type = attribute(module.get(), "HostError").release();
  }
  return known_host_error_type;
}

// Where the files of our own package are, with the last slash; empty if nobody knows.
const std::string& package_directory() {
  static std::string* directory = nullptr;
  if (directory == nullptr) {
    const Ref module = Ref::steal(PyImport_ImportModule("py4cpp"));
    const Ref file = module ? attribute_or_nothing(module.get(), "__file__") : Ref();
    const std::string path = text_of(file.get());
    directory = new std::string(path.substr(0, path.rfind('/') + 1));
  }
  return *directory;
}

bool is_ours(PyObject* traceback) {
  const Ref frame = attribute_or_nothing(traceback, "tb_frame");
  const Ref code = frame ? attribute_or_nothing(frame.get(), "f_code") : Ref();
  const Ref file = code ? attribute_or_nothing(code.get(), "co_filename") : Ref();
  return !package_directory().empty() && text_of(file.get()).starts_with(package_directory());
}

void strip_our_frames(PyObject* exception) {
  Ref traceback = Ref::steal(PyException_GetTraceback(exception));
  bool stripped = false;
  while (traceback && traceback.get() != Py_None && is_ours(traceback.get())) {
    traceback = attribute_or_nothing(traceback.get(), "tb_next");
    stripped = true;
  }
  if (stripped && PyException_SetTraceback(exception, traceback ? traceback.get() : Py_None) < 0) PyErr_Clear();
}

constexpr const char* host_exception_attribute = "_host_exception";
constexpr const char* capsule_name = "py4cpp.host_exception";

std::uint64_t host_exception_of(PyObject* exception) {
  if (known_host_error_type == nullptr || PyErr_GivenExceptionMatches(exception, known_host_error_type) == 0) return 0;
  const Ref capsule = attribute_or_nothing(exception, host_exception_attribute);
  if (!capsule || PyCapsule_IsValid(capsule.get(), capsule_name) == 0) return 0;
  return reinterpret_cast<std::uint64_t>(PyCapsule_GetPointer(capsule.get(), capsule_name));
}

}  // namespace

Ref take_exception() noexcept {
  Ref exception = SavedError().exception();
  if (exception) {
    try {
      strip_our_frames(exception.get());
    } catch (const std::exception&) {  // no memory: our frames stay
    }
  }
  return exception;
}

std::string qualified_name(PyTypeObject* type) {
  const Ref name = Ref::steal(PyType_GetQualName(type));
  if (!name) PyErr_Clear();
  const Ref module = attribute_or_nothing(reinterpret_cast<PyObject*>(type), "__module__");
  const std::string prefix = text_of(module.get());
  std::string qualified = text_of(name.get());
  return prefix.empty() || prefix == "builtins" ? qualified : prefix + "." + qualified;
}

// ---- FailureReport

FailureReport::FailureReport(const Ref& exception, ObjectTable& objects) : objects_(objects) {
  try {
    gather(exception);
    for (std::size_t i = 0; i < exceptions_.size(); ++i) describe(i);
  } catch (...) {
    take_back();
    throw;
  }
}

// Depth first, in reverse: whatever an exception refers to comes after it. What it refers to is visited once, so a loop
// ends; the reference that would close it isn't sent.
void FailureReport::gather(const Ref& exception) {
  struct Visit {
    Ref exception;
    int next = 0;
  };
  std::vector<Visit> path;
  std::vector<Ref> finished;
  const auto visit = [&](Ref found) {
    if (!found || found.get() == Py_None || index_.size() >= most_exceptions) return;
    if (index_.try_emplace(found.get(), 0).second) path.push_back({std::move(found)});
  };
  visit(exception);
  while (!path.empty()) {
    PyObject* current = path.back().exception.get();
    switch (path.back().next++) {
      case 0:
        visit(Ref::steal(PyException_GetContext(current)));
        break;
      case 1:
        visit(Ref::steal(PyException_GetCause(current)));
        break;
      default:
        finished.push_back(std::move(path.back().exception));
        path.pop_back();
    }
  }
  exceptions_.assign(finished.rbegin(), finished.rend());
  for (std::size_t i = 0; i < exceptions_.size(); ++i) index_[exceptions_[i].get()] = i;
}

std::string_view FailureReport::keep(std::string text) { return texts_.emplace_back(std::move(text)); }

std::uint32_t FailureReport::reference(Ref exception, std::size_t from) const {
  const auto found = exception ? index_.find(exception.get()) : index_.end();
  return found != index_.end() && found->second > from ? static_cast<std::uint32_t>(found->second + 1) : 0;
}

void FailureReport::describe(std::size_t index) {
  PyObject* exception = exceptions_[index].get();
  WireException& wire = list_.emplace_back();
  wire.type = keep(qualified_name(Py_TYPE(exception)));
  wire.message = keep(message_of(exception));
  wire.traceback = keep(traceback_of(exception, index < most_whole_tracebacks));
  wire.notes = notes_of(exception);
  wire.bases = bases_of(Py_TYPE(exception));
  wire.cause = reference(Ref::steal(PyException_GetCause(exception)), index);
  wire.context = reference(Ref::steal(PyException_GetContext(exception)), index);
  wire.object = objects_.add(exceptions_[index]);
  wire.host_exception = host_exception_of(exception);  // lives as long as the object
}

void FailureReport::take_back() noexcept {
  for (const WireException& wire : list_) objects_.drop(wire.object);
  list_.clear();
}

std::vector<WireException> FailureReport::minimal(PyObject* exception) {
  std::vector<WireException> list(1);
  list[0].type = "MemoryError";
  if (exception != nullptr && PyErr_GivenExceptionMatches(exception, PyExc_MemoryError) == 0) {
    list[0].type = PyErr_GivenExceptionMatches(exception, PyExc_Exception) != 0 ? "RuntimeError" : "BaseException";
    list[0].message = "no more could be found out about this exception";
  }
  return list;
}

// ---- raise_failure

namespace {

void give_back(PyObject* capsule) {
  const auto id = reinterpret_cast<std::uint64_t>(PyCapsule_GetPointer(capsule, capsule_name));
  static_cast<HostExceptions*>(PyCapsule_GetContext(capsule))->release_host_exception(id);
}

// In whatever encoding a C++ program's what() may be.
Ref to_message(const std::string& text) {
  const auto size = static_cast<Py_ssize_t>(text.size());
  Ref utf8 = Ref::steal(PyUnicode_DecodeUTF8(text.c_str(), size, "surrogatepass"));
  if (utf8) return utf8;
  PyErr_Clear();
  return checked(PyUnicode_DecodeUTF8(text.c_str(), size, "backslashreplace"));
}

Ref make_host_error(const std::string& message, std::uint64_t id, HostExceptions& host) {
  const Ref capsule = Ref::steal(PyCapsule_New(reinterpret_cast<void*>(id), capsule_name, nullptr));
  if (!capsule) {
    host.release_host_exception(id);
    throw PythonRaised{};
  }
  PyCapsule_SetContext(capsule.get(), &host);
  PyCapsule_SetDestructor(capsule.get(), give_back);
  Ref error = checked(PyObject_CallFunctionObjArgs(host_error_type(), to_message(message).get(), nullptr));
  checked(PyObject_SetAttrString(error.get(), host_exception_attribute, capsule.get()));
  return error;
}

// What the host itself reports, such as a TypeError for wrong arguments.
Ref make_builtin(const std::string& type_name, const std::string& message) {
  const Ref builtins = checked(PyImport_ImportModule("builtins"));
  const Ref type = attribute_or_nothing(builtins.get(), type_name.c_str());
  if (type && PyExceptionClass_Check(type.get()) != 0) {
    Ref error = Ref::steal(PyObject_CallFunctionObjArgs(type.get(), to_message(message).get(), nullptr));
    if (error && PyExceptionInstance_Check(error.get()) != 0) return error;
    PyErr_Clear();  // one that takes other arguments
  }
  const Ref text = to_message(type_name + ": " + message);
  return checked(PyObject_CallFunctionObjArgs(PyExc_RuntimeError, text.get(), nullptr));
}

Ref make_exception(const wire::Exception& head, const std::string& type_name, const std::string& message,
                   const ObjectTable& objects, HostExceptions& host) {
  if (head.host_exception() != 0) return make_host_error(message, head.host_exception(), host);
  if (head.object() == 0) return make_builtin(type_name, message);
  Ref original = objects.get(head.object());
  if (PyExceptionInstance_Check(original.get()) == 0) return make_builtin(type_name, message);
  return original;
}

// Shows the C++ function between the Python frames that called it and those it called.
void show_function(PyObject* exception, const char* function) noexcept {
  const Ref traceback = Ref::steal(PyException_GetTraceback(exception));
  const Ref module = Ref::steal(PyImport_ImportModule("py4cpp._introspect"));
  const Ref longer = module ? Ref::steal(PyObject_CallMethod(module.get(), "through_cpp", "Os",
                                                             traceback ? traceback.get() : Py_None, function))
                            : Ref();
  if (!longer || PyException_SetTraceback(exception, longer.get()) < 0) PyErr_Clear();
}

}  // namespace

void raise_failure(const wire::Failure& failure, const ObjectTable& objects, HostExceptions& host,
                   const char* function) {
  if (failure.exceptions() == nullptr || failure.exceptions()->size() == 0) throw BadMessage("a failure without cause");
  const wire::Exception& head = *failure.exceptions()->Get(0);
  ValueReader texts(failure);
  const std::string type_name(texts.expect_string());
  const std::string message(texts.expect_string());
  const Ref exception = make_exception(head, type_name, message, objects, host);
  show_function(exception.get(), function);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get());
  throw PythonRaised{};
}

}  // namespace py4cpp
