#include "feed_loop.hpp"

#include "conversion.hpp"
#include "fork_pins.hpp"
#include "host_reference.hpp"
#include "numpy_api.hpp"
#include "pending_call.hpp"
#include "saved_error.hpp"
#include "shared_block.hpp"
#include "slot_returns.hpp"

#include <pythread.h>
#include <structmember.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace py4cpp {

namespace {

constexpr Py_ssize_t slots_enough = 4;  // to keep one back and have C++ fill another all the same

struct FeedReader {
  PyObject head;
  PyObject* take;                           // null before __init__
  Ref answers;                              // a PendingCall, none before the first loop and after the last answer
  PyThread_type_lock turn;                  // one loop at a time waits: what comes is looked at in order
  std::shared_ptr<SlotReturns> returns;     // null before the first batch
  std::vector<std::weak_ptr<Block>> given;  // of the last batches
  Py_ssize_t slots, taken, epoch, loops, waiting;
  Py_ssize_t change;  // odd: the last loop was left before its end
  char closed;
};

struct FeedLoop {
  PyObject head;
  PyObject* feed;  // null once it has ended
  Py_ssize_t epoch;
  bool counts;  // as one of the feed's loops: not after an exception, whose traceback keeps it, until it goes on
};

FeedReader& reader_of(PyObject* object) noexcept { return *reinterpret_cast<FeedReader*>(object); }
FeedLoop& loop_of(PyObject* object) noexcept { return *reinterpret_cast<FeedLoop*>(object); }
PyObject* object_of(FeedReader& reader) noexcept { return &reader.head; }

Ref none() { return Ref::borrow(Py_None); }

void free_object(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

// ---- what the C++ side is told

template <class... Arguments>
Ref start_take(FeedReader& reader, const char* format, Arguments... arguments) {
  if (reader.take == nullptr) raise_python(PyExc_RuntimeError, "this feed was made without its C++ end");
  return checked(PyObject_CallMethod(reader.take, "start", format, arguments...));
}

bool all_kept(FeedReader& reader) noexcept {
  if (reader.given.size() < static_cast<std::size_t>(reader.slots)) return false;
  std::erase_if(reader.given, [](const auto& block) { return block.expired(); });
  return reader.given.size() >= static_cast<std::size_t>(reader.slots);
}

// Forked children have what Python had when they were forked.
bool children_keep(const FeedReader& reader) noexcept {
  return std::any_of(reader.given.begin(), reader.given.end(), [](const auto& given) {
    const std::shared_ptr<Block> block = given.lock();
    return block != nullptr && ForkPins::is_pinned(block);
  });
}

void changed(FeedReader& reader) { start_take(reader, "n", ++reader.change); }

void entered(FeedReader& reader) {
  ++reader.loops;
  if (reader.change % 2 == 1) changed(reader);
}

// It takes no more batches.
void out(FeedReader& reader, FeedLoop& loop) {
  if (std::exchange(loop.counts, false)) --reader.loops;
  if (reader.waiting > 0 && all_kept(reader)) start_take(reader, "OOO", Py_None, Py_None, Py_None);  // they have looked
}

// The same, before its end. C++ is told when it was the only one.
void left(FeedReader& reader, FeedLoop& loop) noexcept {
  SavedError saved;
  try {
    out(reader, loop);
    if (reader.loops == 0 && reader.change % 2 == 0 && reader.closed == 0) changed(reader);
  } catch (const PythonRaised&) {
    PyErr_Clear();  // nobody is there to be told
  }
  saved.restore();
}

// ---- batches

// Notes what the loop is given.
void gives(FeedReader& reader, PyObject* batch) {
  if (!reader.returns) reader.returns = std::make_shared<SlotReturns>(HostReferenceObject::host(reader.take));
  reader.returns->took(reader.slots >= slots_enough && has_result(reader.answers.get()));
  std::weak_ptr<Block> block;
  PyObject* array = nullptr;
  for (Py_ssize_t position = 0; PyDict_Next(batch, &position, nullptr, &array) != 0;) {
    if (!Numpy::get().is_array(array)) raise_python(PyExc_ValueError, "a feed's batch is a dict of arrays");
    block = block_of(Numpy::fields(array).base);
    release_at_once(Numpy::fields(array).base, reader.returns);
  }
  all_kept(reader);  // makes room
  reader.given.push_back(std::move(block));
}

Ref next_answer(FeedReader& reader) {
  if (!reader.answers) {
    Ref answers = start_take(reader, nullptr);
    if (Py_TYPE(answers.get()) != pending_call_type()) raise_python(PyExc_TypeError, "a feed reads a PendingCall");
    reader.answers = std::move(answers);
  }
  const Ref answers = reader.answers;
  try {
    Ref answer = next_result(answers.get());
    ++reader.taken;
    return answer;
  } catch (...) {
    const bool interrupted = PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0;
    if (!interrupted) reader.answers.reset();
    throw;
  }
}

void check_room(FeedReader& reader) { checked(PyObject_CallMethod(object_of(reader), "_check_room", nullptr)); }

// The next batch, None where the epoch ends. With the turn.
Ref take_turn(FeedReader& reader) {
  for (;;) {
    Ref answer = next_answer(reader);
    if (PyDict_Check(answer.get()) != 0) {
      gives(reader, answer.get());
      return answer;
    }
    if (answer.get() == Py_None) {
      ++reader.epoch;
      return answer;
    }
    if (answer.get() == Py_False) {
      reader.answers.reset();
      reader.closed = 1;
      return none();
    }
    check_room(reader);  // another loop has ended, and may keep arrays all the same
  }
}

class Turn {
 public:
  explicit Turn(FeedReader& reader) : turn_(reader.turn) {  // interruptible
    if (PyThread_acquire_lock(turn_, NOWAIT_LOCK) != 0) return;
    while (wait() != PY_LOCK_ACQUIRED) checked(PyErr_CheckSignals());
  }
  ~Turn() { PyThread_release_lock(turn_); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  PyLockStatus wait() noexcept {
    const GilRelease others_may_run;
    return PyThread_acquire_lock_timed(turn_, -1, 1);
  }

  PyThread_type_lock turn_;
};

class Waiting {
 public:
  explicit Waiting(FeedReader& reader) noexcept : reader_(reader) { ++reader_.waiting; }
  ~Waiting() { --reader_.waiting; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  FeedReader& reader_;
};

bool has_ended(const FeedReader& reader, const FeedLoop& loop) noexcept {
  return loop.epoch != reader.epoch || reader.closed != 0;
}

Ref await_batch(FeedReader& reader, FeedLoop& loop) {
  if (has_ended(reader, loop)) return none();
  if (!std::exchange(loop.counts, true)) entered(reader);
  // Before it looks: of loops that end up waiting for each other, the last one sees the others.
  const Waiting waiting(reader);
  if (all_kept(reader)) check_room(reader);
  const Turn turn(reader);
  return has_ended(reader, loop) ? none() : take_turn(reader);
}

PyObject* next(PyObject* self) noexcept {
  return guarded([&]() -> Ref {
    FeedLoop& loop = loop_of(self);
    const Ref feed = Ref::borrow(loop.feed);
    if (!feed) return nullptr;
    FeedReader& reader = reader_of(feed.get());
    try {
      Ref batch = await_batch(reader, loop);
      if (batch.get() != Py_None) return batch;
    } catch (...) {
      left(reader, loop);
      throw;
    }
    Py_CLEAR(loop.feed);
    out(reader, loop);
    return nullptr;
  });
}

// ---- FeedReader

PyObject* new_reader(PyTypeObject* type, PyObject*, PyObject*) noexcept {
  return guarded([&] {
    Ref made = checked(PyType_GenericAlloc(type, 0));  // zeros
    FeedReader& reader = reader_of(made.get());
    new (&reader.answers) Ref();
    new (&reader.returns) std::shared_ptr<SlotReturns>();
    new (&reader.given) std::vector<std::weak_ptr<Block>>();
    reader.turn = PyThread_allocate_lock();
    if (reader.turn == nullptr) throw std::bad_alloc();
    return made;
  });
}

int init_reader(PyObject* self, PyObject* arguments, PyObject*) noexcept {
  FeedReader& reader = reader_of(self);
  PyObject* take = nullptr;
  Py_ssize_t slots = 0;
  if (PyArg_ParseTuple(arguments, "O!n", host_callable_type(), &take, &slots) == 0) return -1;
  Py_INCREF(take);
  Py_XDECREF(std::exchange(reader.take, take));
  reader.slots = slots;
  return 0;
}

int traverse_reader(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reader_of(self).take);
  return 0;
}

int clear_reader(PyObject* self) noexcept {
  Py_CLEAR(reader_of(self).take);
  return 0;
}

void deallocate_reader(PyObject* self) noexcept {
  PyObject_GC_UnTrack(self);
  FeedReader& reader = reader_of(self);
  clear_reader(self);
  reader.answers.~Ref();
  reader.returns.~shared_ptr();
  reader.given.~vector();
  if (reader.turn != nullptr) PyThread_free_lock(reader.turn);
  free_object(self);
}

PyObject* iterate(PyObject* self) noexcept {
  return PyObject_CallFunction(reinterpret_cast<PyObject*>(feed_loop_type()), "O", self);
}

PyObject* keeps_all(PyObject* self, PyObject*) noexcept { return PyBool_FromLong(all_kept(reader_of(self)) ? 1 : 0); }

PyObject* children(PyObject* self, PyObject*) noexcept {
  return PyBool_FromLong(children_keep(reader_of(self)) ? 1 : 0);
}

PyTypeObject* make_reader_type() {
  static PyMemberDef members[] = {{"_take", T_OBJECT, offsetof(FeedReader, take), READONLY, nullptr},
                                  {"_slots", T_PYSSIZET, offsetof(FeedReader, slots), READONLY, nullptr},
                                  {"_taken", T_PYSSIZET, offsetof(FeedReader, taken), READONLY, nullptr},
                                  {"_loops", T_PYSSIZET, offsetof(FeedReader, loops), READONLY, nullptr},
                                  {"_waiting", T_PYSSIZET, offsetof(FeedReader, waiting), READONLY, nullptr},
                                  {"_closed", T_BOOL, offsetof(FeedReader, closed), READONLY, nullptr},
                                  {nullptr, 0, 0, 0, nullptr}};
  static PyMethodDef methods[] = {{"_all_kept", keeps_all, METH_NOARGS, nullptr},
                                  {"_children_keep", children, METH_NOARGS, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(&new_reader)},
                                {Py_tp_init, reinterpret_cast<void*>(&init_reader)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate_reader)},
                                {Py_tp_traverse, reinterpret_cast<void*>(&traverse_reader)},
                                {Py_tp_clear, reinterpret_cast<void*>(&clear_reader)},
                                {Py_tp_iter, reinterpret_cast<void*>(&iterate)},
                                {Py_tp_members, members},
                                {Py_tp_methods, methods},
                                {0, nullptr}};
  static PyType_Spec spec{"py4cpp._native.FeedReader", sizeof(FeedReader), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
                          slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

// ---- FeedLoop

PyObject* new_loop(PyTypeObject* type, PyObject* arguments, PyObject*) noexcept {
  return guarded([&] {
    PyObject* feed = nullptr;
    if (PyArg_ParseTuple(arguments, "O!", feed_reader_type(), &feed) == 0) throw PythonRaised{};
    Ref made = checked(PyType_GenericAlloc(type, 0));
    FeedLoop& loop = loop_of(made.get());
    loop.feed = Ref::borrow(feed).release();
    loop.epoch = reader_of(feed).epoch;
    loop.counts = true;
    entered(reader_of(feed));
    return made;
  });
}

int traverse_loop(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(loop_of(self).feed);
  return 0;
}

int clear_loop(PyObject* self) noexcept {
  FeedLoop& loop = loop_of(self);
  const Ref feed = Ref::steal(std::exchange(loop.feed, nullptr));
  if (feed && loop.counts) left(reader_of(feed.get()), loop);
  return 0;
}

void deallocate_loop(PyObject* self) noexcept {
  PyObject_GC_UnTrack(self);
  clear_loop(self);
  free_object(self);
}

PyTypeObject* make_loop_type() {
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(&new_loop)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate_loop)},
                                {Py_tp_traverse, reinterpret_cast<void*>(&traverse_loop)},
                                {Py_tp_clear, reinterpret_cast<void*>(&clear_loop)},
                                {Py_tp_iter, reinterpret_cast<void*>(&PyObject_SelfIter)},
                                {Py_tp_iternext, reinterpret_cast<void*>(&next)},
                                {0, nullptr}};
  static PyType_Spec spec{"py4cpp._native.FeedLoop", sizeof(FeedLoop), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, slots};
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
