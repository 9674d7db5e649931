#include "steps.hpp"

#include "call_arguments.hpp"
#include "from_wire.hpp"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace py4cpp {

namespace {

// User code; why noexcept: see call_arguments.cpp.
PyObject* enter(PyObject* code, PyObject* globals) noexcept { return PyEval_EvalCode(code, globals, globals); }

}  // namespace

// One request.
class Steps::Run {
 public:
  Run(Steps& steps, ValueReader& values, Conversion& conversion)
      : steps_(steps), values_(values), conversion_(conversion) {}

  void step(const wire::Step& step);
  Ref result() && { return std::move(current_); }

 private:
  Ref value() { return from_wire(values_, conversion_); }
  Ref name() { return steps_.names_.name(values_.expect_string()); }
  PyObject* current() const {
    if (!current_) throw BadMessage("a step that has no object to work on");
    return current_.get();
  }
  void none() { current_ = Ref::borrow(Py_None); }

  Ref evaluate(CodeCache::Mode mode, const wire::Step& step);
  Ref keys(const wire::Step& step);
  void call(const wire::Step& step);
  void assign();

  Steps& steps_;
  ValueReader& values_;
  Conversion& conversion_;
  Ref current_;
};

void Steps::Run::step(const wire::Step& step) {
  switch (step.op()) {
    case wire::Op::name:
      current_ = steps_.names_.look_up(values_.expect_string());
      return;
    case wire::Op::expression:
      current_ = evaluate(CodeCache::Mode::eval, step);
      return;
    case wire::Op::code:
      evaluate(CodeCache::Mode::exec, step);
      return none();
    case wire::Op::value:
      current_ = value();
      return;
    case wire::Op::assign:
      return assign();
    case wire::Op::import_module:
      current_ = Names::import_module(name().get());
      return;
    case wire::Op::attribute:
      current_ = checked(PyObject_GetAttr(current(), name().get()));
      return;
    case wire::Op::item:
      current_ = checked(PyObject_GetItem(current(), keys(step).get()));
      return;
    case wire::Op::call:
      return call(step);
    case wire::Op::set_attribute: {
      const Ref attribute = name();
      checked(PyObject_SetAttr(current(), attribute.get(), value().get()));
      return none();
    }
    case wire::Op::set_item: {
      const Ref key = keys(step);
      checked(PyObject_SetItem(current(), key.get(), value().get()));
      return none();
    }
    case wire::Op::delete_item:
      checked(PyObject_DelItem(current(), keys(step).get()));
      return none();
  }
  throw BadMessage("a step of unknown kind");
}

Ref Steps::Run::evaluate(CodeCache::Mode mode, const wire::Step& step) {
  const std::string_view text = values_.expect_string();
  if (step.named() == 0) {
    const Ref code = steps_.code_.get(mode, text, {});
    return checked(enter(code.get(), steps_.names_.globals()));
  }
  std::vector<std::string_view> names;
  CallArguments values;
  for (std::uint32_t i = 0; i < step.named(); ++i) {
    names.push_back(values_.expect_string());
    values.add(value());
  }
  return values.call(steps_.code_.get(mode, text, names).get());
}

void Steps::Run::assign() {
  const std::string_view target = values_.expect_string();
  CallArguments values;
  values.add(value());
  values.call(steps_.code_.get(CodeCache::Mode::set, target, {}).get());
  none();
}

Ref Steps::Run::keys(const wire::Step& step) {
  if (step.positional() == 1) return value();
  std::vector<Ref> found;
  for (std::uint32_t i = 0; i < step.positional(); ++i) found.push_back(value());
  Ref tuple = checked(PyTuple_New(static_cast<Py_ssize_t>(found.size())));
  for (std::size_t i = 0; i < found.size(); ++i) {
    checked(PyTuple_SetItem(tuple.get(), static_cast<Py_ssize_t>(i), found[i].release()));
  }
  return tuple;
}

void Steps::Run::call(const wire::Step& step) {
  current();
  CallArguments arguments;
  for (std::uint32_t i = 0; i < step.positional(); ++i) arguments.add(value());
  for (std::uint32_t i = 0; i < step.named(); ++i) {
    Ref keyword = name();
    arguments.add_named(std::move(keyword), value());
  }
  const Ref function = std::move(current_);  // if nobody else holds it, it dies with its call
  current_ = arguments.call(function.get());
}

Ref Steps::run(const wire::Request& request, ValueReader& values, Conversion& conversion) {
  if (request.steps() == nullptr || request.steps()->size() == 0) throw BadMessage("a request without steps");
  Run run(*this, values, conversion);
  for (const wire::Step* step : *request.steps()) run.step(*step);
  if (!values.done()) throw BadMessage("a request with more values than its steps take");
  return std::move(run).result();
}

}  // namespace py4cpp
