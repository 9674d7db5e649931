// py4cpp._native: the extension as Python sees it. One worker a process: what it consists of is made by connect() and
// serve(), which the start-up code calls once, and is never destroyed.
#include "as_object.hpp"
#include "feed_loop.hpp"
#include "fork_mark.hpp"
#include "fork_pins.hpp"
#include "greeting.hpp"
#include "high_descriptor.hpp"
#include "host_reference.hpp"
#include "interrupt.hpp"
#include "mapped_segment.hpp"
#include "ndarray.hpp"
#include "numpy_memory.hpp"
#include "server.hpp"
#include "version.hpp"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <pthread.h>
#include <unistd.h>

namespace py4cpp {

namespace {

constexpr int exit_failed = 70;  // the worker couldn't start or go on; stderr says why

struct Worker {
  ForkMark made_in;
  std::unique_ptr<Watchdog> watchdog;
  std::unique_ptr<Channel> channel;  // until there is a server
  HelloInfo host;
  std::shared_ptr<Arena> arena;
  std::unique_ptr<ForkPins> pins;
  std::unique_ptr<Server> server;
  int descriptors[2] = {-1, -1};
};

Worker* worker = nullptr;

[[noreturn]] void exit_worker(const std::string& reason) {
  PySys_WriteStderr("py4cpp: %.900s\n", reason.c_str());
  PyErr_SetObject(PyExc_SystemExit, checked(PyLong_FromLong(exit_failed)).get());
  throw PythonRaised{};
}

Server& running_server() {
  if (worker == nullptr || !worker->server) {
    raise_python(PyExc_RuntimeError, "this Python process was not started by a C++ program through py4cpp");
  }
  if (!worker->made_in.same_process()) {
    raise_python(PyExc_RuntimeError,
                 "this process was forked from a py4cpp worker: only the worker itself can do that");
  }
  return *worker->server;
}

// A forked child has no part in the session, and must not keep its pipes open.
void close_in_child() {
  if (worker == nullptr) return;
  for (const int descriptor : worker->descriptors) close(descriptor);
}

void share_memory(const Numpy& numpy) noexcept {
  try {
    share_numpy_memory(numpy, worker->arena, worker->host.inline_limit);
  } catch (const PythonRaised&) {  // arrays are copied, then
    PyErr_Clear();
  }
}

void connect_worker(int read_descriptor, int write_descriptor) {
  worker = new Worker;
  worker->watchdog = std::make_unique<Watchdog>();
  worker->descriptors[0] = move_high(read_descriptor);
  worker->descriptors[1] = move_high(write_descriptor);
  pthread_atfork(nullptr, nullptr, close_in_child);
  std::atexit([] { worker->watchdog->last_look(); });
  worker->channel = std::make_unique<Channel>(worker->descriptors[0], worker->descriptors[1]);
  worker->host = await_host(*worker->channel);
  const HelloInfo& host = worker->host;
  const ArenaId host_arena{host.arena_high, host.arena_low, host.pid};
  worker->watchdog->watch_host(host.pid);
  if (host.protocol != protocol_hash()) {
    greet_host(*worker->channel, {});
    exit_worker("the C++ program uses py4cpp " + host.version + ", this Python package is py4cpp " + version +
                " with another protocol: install both from one build");
  }
  worker->watchdog->remove_names_of(host_arena);
  configure_process_arena({host.shared_memory_limit, host.cache_limit});
  worker->arena = process_arena();
  worker->watchdog->remove_names_of(worker->arena->id());
  worker->pins = std::make_unique<ForkPins>(worker->arena);
  worker->watchdog->collect(*worker->pins);
  Numpy::on_found(share_memory);
}

Ref none() { return Ref::borrow(Py_None); }

// connect(read_descriptor, write_descriptor) -> bool: waits for the host's greeting, which says whether what Python
// prints is to be sent to it.
PyObject* native_connect(PyObject*, PyObject* args) noexcept {
  return guarded([&] {
    int read_descriptor = -1, write_descriptor = -1;
    if (PyArg_ParseTuple(args, "ii", &read_descriptor, &write_descriptor) == 0) throw PythonRaised{};
    if (worker != nullptr) raise_python(PyExc_RuntimeError, "this worker is already connected");
    try {
      connect_worker(read_descriptor, write_descriptor);
    } catch (const Error& error) {
      exit_worker(error.what());
    }
    return checked(PyBool_FromLong(worker->host.capture_stdout));
  });
}

// serve(): greets the host, then runs what it asks until it says goodbye or is gone.
PyObject* native_serve(PyObject*, PyObject*) noexcept {
  return guarded([] {
    if (worker == nullptr || !worker->channel)
      raise_python(PyExc_RuntimeError, "connect() comes first, then serve(), once");
    install_interrupts(*worker->watchdog);
    try {
      greet_host(*worker->channel, worker->arena->id());
      worker->server =
          std::make_unique<Server>(std::move(worker->channel), worker->host, worker->arena, *worker->watchdog);
      worker->pins->include(worker->server->ledger());
    } catch (const Error& error) {
      exit_worker(error.what());
    }
    const std::string problem = worker->server->run();
    if (!problem.empty()) exit_worker("the session with the C++ program broke off: " + problem);
    return none();
  });
}

// ending(): the last thing before the interpreter is taken apart.
PyObject* native_ending(PyObject*, PyObject*) noexcept {
  return guarded([] {
    if (worker != nullptr && worker->server) worker->server->ending();
    return none();
  });
}

// numpy_imported(): whoever imported it. What it has allocated by then stays where it is.
PyObject* native_numpy_imported(PyObject*, PyObject*) noexcept {
  return guarded([] {
    try {
      Numpy::if_imported();
    } catch (const PythonRaised&) {  // one that we can't use; whoever passes an array hears of it
      PyErr_Clear();
    }
    return none();
  });
}

// output(data) -> bool: sends what was printed. False in a forked child.
PyObject* native_output(PyObject*, PyObject* args) noexcept {
  return guarded([&] {
    const char* data = nullptr;
    Py_ssize_t size = 0;
    if (PyArg_ParseTuple(args, "y#", &data, &size) == 0) throw PythonRaised{};
    if (worker != nullptr && !worker->made_in.same_process()) return Ref::borrow(Py_False);
    running_server().print({data, static_cast<std::size_t>(size)});
    return Ref::borrow(Py_True);
  });
}

// stats() -> dict of what this worker has sent and holds.
PyObject* native_stats(PyObject*, PyObject*) noexcept {
  return guarded([] {
    const Server& server = running_server();
    const SentArrays& sent = server.sent();
    const ArenaStats arena = worker->arena->stats();
    using Number = unsigned long long;
    return checked(Py_BuildValue("{sKsKsKsKsKsKsK}",                                               //
                                 "arrays_shared", static_cast<Number>(sent.arrays_shared.load()),  //
                                 "arrays_copied", static_cast<Number>(sent.arrays_copied.load()),  //
                                 "bytes_shared", static_cast<Number>(sent.bytes_shared.load()),    //
                                 "bytes_copied", static_cast<Number>(sent.bytes_copied.load()),    //
                                 "live_objects", static_cast<Number>(server.objects().size()),     //
                                 "live_segments", static_cast<Number>(arena.live_segments),        //
                                 "live_blocks", static_cast<Number>(arena.live_blocks)));
  });
}

// invoke(reference, name, arguments, keywords): calls the callable of the C++ program.
PyObject* native_invoke(PyObject*, PyObject* args) noexcept {
  return guarded([&] { return invoke(args); });
}

PyObject* native_as_object(PyObject*, PyObject* object) noexcept {
  return guarded([&] { return as_object(object); });
}

template <class Function>
PyCFunction as_method(Function* function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"connect", native_connect, METH_VARARGS, nullptr},
    {"serve", native_serve, METH_NOARGS, nullptr},
    {"ending", native_ending, METH_NOARGS, nullptr},
    {"numpy_imported", native_numpy_imported, METH_NOARGS, nullptr},
    {"output", native_output, METH_VARARGS, nullptr},
    {"invoke", native_invoke, METH_VARARGS, nullptr},
    {"as_object", native_as_object, METH_O, nullptr},
    {"stats", native_stats, METH_NOARGS, "What this worker has sent to C++ and what it holds, as a dict."},
    {"empty", as_method(native_empty), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"shared_like", native_shared_like, METH_O, "A copy of the array in shared memory."},
    {"is_shared", native_is_shared, METH_O, "Whether this is an array in memory that C++ can share."},
    {"segment_of", native_segment_of, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "py4cpp._native", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

}  // namespace py4cpp

// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): the name is Python's choice
extern "C" __attribute__((visibility("default"))) PyObject* PyInit__native() {
  using namespace py4cpp;
  return guarded([] {
    Ref module = checked(PyModule_Create(&definition));
    const auto add = [&](const char* name, PyTypeObject* type) {
      checked(PyModule_AddObjectRef(module.get(), name, reinterpret_cast<PyObject*>(type)));
    };
    add("HostReference", host_reference_type());
    add("HostCallable", host_callable_type());
    add("HostIterator", host_iterator_type());
    add("FeedReader", feed_reader_type());
    add("FeedLoop", feed_loop_type());
    checked(PyModule_AddStringConstant(module.get(), "version", version));
    return module;
  });
}
