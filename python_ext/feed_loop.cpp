#include "feed_loop.hpp"

#include "conversion.hpp"
#include "numpy_api.hpp"
#include "pending_call.hpp"
#include "shared_block.hpp"

#include <pythread.h>
#include <structmember.h>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace py4cpp {

namespace {

// The loop drops the batch before only now that it has the next one. Of two slots that is one which C++ waits for.
constexpr Py_ssize_t few_slots = 2;

struct FeedReader {
  PyObject head;
  Ref answers;  // a PendingCall, or none
  Ref aside;    // an answer that isn't a batch and that nobody has looked at yet
  PyThread_type_lock turn;
  std::vector<std::weak_ptr<Block>> given;  // of the last batches
  Py_ssize_t slots, taken, epoch, loops, waiting;
  char closed;
};

struct FeedLoop {
  PyObject head;
  PyObject* feed;  // null once it has ended
  Py_ssize_t epoch;
};

FeedReader& reader_of(PyObject* object) noexcept { return *reinterpret_cast<FeedReader*>(object); }
FeedLoop& loop_of(PyObject* object) noexcept { return *reinterpret_cast<FeedLoop*>(object); }

Ref none() { return Ref::borrow(Py_None); }

void free_object(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

// ---- FeedReader

PyObject* new_reader(PyTypeObject* type, PyObject*, PyObject*) noexcept {
  return guarded([&] {
    Ref made = checked(PyType_GenericAlloc(type, 0));  // zeros
    FeedReader& reader = reader_of(made.get());
    new (&reader.answers) Ref();
    new (&reader.aside) Ref();
    new (&reader.given) std::vector<std::weak_ptr<Block>>();
    reader.turn = PyThread_allocate_lock();
    if (reader.turn == nullptr) throw std::bad_alloc();
    return made;
  });
}

void deallocate_reader(PyObject* self) noexcept {
  FeedReader& reader = reader_of(self);
  reader.answers.~Ref();
  reader.aside.~Ref();
  reader.given.~vector();
  if (reader.turn != nullptr) PyThread_free_lock(reader.turn);
  free_object(self);
}

bool all_kept(FeedReader& reader) noexcept {
  if (reader.given.size() < static_cast<std::size_t>(reader.slots)) return false;
  std::erase_if(reader.given, [](const auto& block) { return block.expired(); });
  return reader.given.size() >= static_cast<std::size_t>(reader.slots);
}

void gives(FeedReader& reader, PyObject* batch) {
  PyObject* array = nullptr;
  Py_ssize_t position = 0;
  if (PyDict_Check(batch) == 0 || PyDict_Next(batch, &position, nullptr, &array) == 0 ||
      !Numpy::get().is_array(array) || Numpy::fields(array).base == nullptr) {
    raise_python(PyExc_ValueError, "this is no dict of arrays that came from C++");
  }
  std::weak_ptr<Block> block = block_of(Numpy::fields(array).base);
  all_kept(reader);  // makes room
  reader.given.push_back(std::move(block));
}

// With the turn.
Ref next_answer(FeedReader& reader) {
  if (reader.aside) return std::exchange(reader.aside, nullptr);
  const Ref answers = reader.answers;
  if (!answers) raise_python(PyExc_RuntimeError, "this feed is not being read");
  try {
    Ref answer = next_result(answers.get());
    ++reader.taken;
    return answer;
  } catch (const PythonRaised&) {
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) == 0) reader.answers.reset();
    throw;
  }
}

PyObject* begin(PyObject* self, PyObject* answers) noexcept {
  return guarded([&] {
    if (Py_TYPE(answers) != pending_call_type()) raise_python(PyExc_TypeError, "a feed reads a PendingCall");
    reader_of(self).answers = Ref::borrow(answers);
    return none();
  });
}

PyObject* ends(PyObject* self, PyObject*) noexcept {
  reader_of(self).answers.reset();
  return none().release();
}

PyObject* answer(PyObject* self, PyObject*) noexcept {
  return guarded([&] { return next_answer(reader_of(self)); });
}

// Interruptible.
void await_turn(FeedReader& reader) {
  for (;;) {
    PyLockStatus status = PY_LOCK_FAILURE;
    {
      const GilRelease others_may_run;
      status = PyThread_acquire_lock_timed(reader.turn, -1, 1);
    }
    if (status == PY_LOCK_ACQUIRED) return;
    checked(PyErr_CheckSignals());
  }
}

PyObject* in_turn(PyObject* self, PyObject* function) noexcept {
  return guarded([&] {
    await_turn(reader_of(self));
    Ref result = Ref::steal(PyObject_CallNoArgs(function));
    PyThread_release_lock(reader_of(self).turn);
    return checked(result.release());
  });
}

PyObject* give(PyObject* self, PyObject* batch) noexcept {
  return guarded([&] {
    gives(reader_of(self), batch);
    return none();
  });
}

PyObject* keeps_all(PyObject* self, PyObject*) noexcept { return PyBool_FromLong(all_kept(reader_of(self)) ? 1 : 0); }

PyObject* reads(PyObject* self, void*) noexcept { return PyBool_FromLong(reader_of(self).answers ? 1 : 0); }

PyTypeObject* make_reader_type() {
  static PyMemberDef members[] = {{"_slots", T_PYSSIZET, offsetof(FeedReader, slots), 0, nullptr},
                                  {"_taken", T_PYSSIZET, offsetof(FeedReader, taken), READONLY, nullptr},
                                  {"_epoch", T_PYSSIZET, offsetof(FeedReader, epoch), 0, nullptr},
                                  {"_loops", T_PYSSIZET, offsetof(FeedReader, loops), 0, nullptr},
                                  {"_waiting", T_PYSSIZET, offsetof(FeedReader, waiting), 0, nullptr},
                                  {"_closed", T_BOOL, offsetof(FeedReader, closed), 0, nullptr},
                                  {nullptr, 0, 0, 0, nullptr}};
  static PyMethodDef methods[] = {{"_begin", begin, METH_O, nullptr},
                                  {"_ends", ends, METH_NOARGS, nullptr},
                                  {"_answer", answer, METH_NOARGS, nullptr},
                                  {"_in_turn", in_turn, METH_O, nullptr},
                                  {"_gives", give, METH_O, nullptr},
                                  {"_all_kept", keeps_all, METH_NOARGS, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef properties[] = {{"_reads", reads, nullptr, nullptr, nullptr},
                                     {nullptr, nullptr, nullptr, nullptr, nullptr}};
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(&new_reader)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate_reader)},
                                {Py_tp_members, members},
                                {Py_tp_methods, methods},
                                {Py_tp_getset, properties},
                                {0, nullptr}};
  static PyType_Spec spec{"py4cpp._native.FeedReader", sizeof(FeedReader), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

// ---- FeedLoop

PyObject* new_loop(PyTypeObject* type, PyObject* arguments, PyObject*) noexcept {
  return guarded([&] {
    PyObject* feed = nullptr;
    if (PyArg_ParseTuple(arguments, "O!", feed_reader_type(), &feed) == 0) throw PythonRaised{};
    Ref made = checked(PyType_GenericAlloc(type, 0));
    loop_of(made.get()).feed = Ref::borrow(feed).release();
    loop_of(made.get()).epoch = reader_of(feed).epoch;
    return made;
  });
}

int traverse_loop(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(loop_of(self).feed);
  return 0;
}

int clear_loop(PyObject* self) noexcept {
  Py_CLEAR(loop_of(self).feed);
  return 0;
}

void deallocate_loop(PyObject* self) noexcept {
  PyObject_GC_UnTrack(self);
  clear_loop(self);
  free_object(self);
}

PyObject* drop(PyObject* self, PyObject*) noexcept {
  clear_loop(self);
  return none().release();
}

// The next batch, if it is this loop's turn and what comes is a batch; nothing otherwise.
Ref next_batch(FeedLoop& loop) {
  if (loop.feed == nullptr) return nullptr;
  const Ref feed = Ref::borrow(loop.feed);
  FeedReader& reader = reader_of(feed.get());
  const bool goes_on = loop.epoch == reader.epoch && reader.closed == 0 && reader.answers && !reader.aside;
  if (!goes_on || reader.slots <= few_slots || all_kept(reader)) return nullptr;
  if (PyThread_acquire_lock(reader.turn, NOWAIT_LOCK) == 0) return nullptr;
  ++reader.waiting;
  Ref answer;
  try {
    answer = next_answer(reader);
    if (PyDict_Check(answer.get()) != 0) {
      gives(reader, answer.get());
    } else {
      reader.aside = std::exchange(answer, nullptr);
    }
  } catch (...) {
    --reader.waiting;
    PyThread_release_lock(reader.turn);
    throw;
  }
  --reader.waiting;
  PyThread_release_lock(reader.turn);
  return answer;
}

PyObject* next(PyObject* self) noexcept {
  return guarded([&] {
    Ref batch = next_batch(loop_of(self));
    return batch ? batch : checked(PyObject_CallMethod(self, "_next", nullptr));
  });
}

PyTypeObject* make_loop_type() {
  static PyMemberDef members[] = {{"_feed", T_OBJECT, offsetof(FeedLoop, feed), READONLY, nullptr},
                                  {"_epoch", T_PYSSIZET, offsetof(FeedLoop, epoch), READONLY, nullptr},
                                  {nullptr, 0, 0, 0, nullptr}};
  static PyMethodDef methods[] = {{"_drop", drop, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(&new_loop)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate_loop)},
                                {Py_tp_traverse, reinterpret_cast<void*>(&traverse_loop)},
                                {Py_tp_clear, reinterpret_cast<void*>(&clear_loop)},
                                {Py_tp_methods, methods},
                                {Py_tp_iter, reinterpret_cast<void*>(&PyObject_SelfIter)},
                                {Py_tp_iternext, reinterpret_cast<void*>(&next)},
                                {Py_tp_members, members},
                                {0, nullptr}};
  static PyType_Spec spec{"py4cpp._native.FeedLoop", sizeof(FeedLoop), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
                          slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

}  // namespace

PyTypeObject* feed_reader_type() {
  static PyTypeObject* type = nullptr;  // the GIL is its lock
  if (type == nullptr) type = make_reader_type();
  return type;
}

PyTypeObject* feed_loop_type() {
  static PyTypeObject* type = nullptr;  // the GIL is its lock
  if (type == nullptr) type = make_loop_type();
  return type;
}

}  // namespace py4cpp
