#include <py4cpp/object.hpp>

#include <py4cpp/error.hpp>

#include <memory>
#include <ostream>
#include <string>

namespace py4cpp {

namespace {

constexpr std::string_view introspection = "py4cpp._introspect";  // of our own Python package

Peer& peer_of(const Value& a, const Value& b) {
  if (const RemoteObject* remote = detail::remote_of(a)) return *remote->peer();
  if (const RemoteObject* remote = detail::remote_of(b)) return *remote->peer();
  throw Error(ErrorKind::invalid, "an operator was applied to objects that are in no Python yet");
}

}  // namespace

ObjectState::~ObjectState() = default;
Peer::~Peer() = default;

std::string RemoteObject::describe() const {
  return "<object " + std::to_string(id_ & ~(std::uint64_t{1} << 63)) + ">";  // without the bit that says who chose it
}

std::shared_ptr<SliceObject> SliceObject::make(Value start, Value stop, Value step) {
  auto* slice = new SliceObject(std::move(start), std::move(stop), std::move(step));
  return std::shared_ptr<SliceObject>(slice, [](const SliceObject* last) { detail::retire(last); });
}

std::string SliceObject::describe() const { return "<slice>"; }

Peer& Object::peer() const {
  if (const RemoteObject* remote = detail::remote_of(*this)) return *remote->peer();
  if (state_ == nullptr) throw Error(ErrorKind::invalid, "an Object that refers to nothing was used");
  throw Error(ErrorKind::invalid, "this needs a Python object, but " + state_->describe() + " is in no Python yet");
}

std::string Object::describe() const { return state_ == nullptr ? "<no object>" : state_->describe(); }

bool Object::same(const Object& other) const noexcept {
  if (state_ == other.state_) return true;
  const RemoteObject* a = detail::remote_of(*this);
  const RemoteObject* b = detail::remote_of(other);
  return a != nullptr && b != nullptr && a->id() == b->id() && a->peer() == b->peer();
}

std::size_t Object::len() const { return detail::call_function<std::size_t>(peer(), "builtins", "len", *this); }

std::vector<std::string> Object::slots() const {
  return detail::call_function<std::vector<std::string>>(peer(), introspection, "slots", *this);
}

std::vector<std::string> Object::methods() const {
  return detail::call_function<std::vector<std::string>>(peer(), introspection, "methods", *this);
}

std::string Object::str() const { return detail::call_function<std::string>(peer(), "builtins", "str", *this); }

std::string Object::repr() const { return detail::call_function<std::string>(peer(), "builtins", "repr", *this); }

std::string Object::type() const {
  return detail::call_function<std::string>(peer(), introspection, "type_name", *this);
}

std::ostream& operator<<(std::ostream& out, const Object& object) { return out << object.describe(); }

struct ObjectIterator::Source {
  Object reader;  // py4cpp._introspect.Reader
  List came;      // elements that came ahead
  std::size_t taken = 0;
};

ObjectIterator::ObjectIterator(const Object& iterable)
    : source_(std::make_shared<Source>(
          Source{detail::call_function<Object>(iterable.peer(), introspection, "Reader", iterable), {}, 0})) {
  ++*this;
}

ObjectIterator& ObjectIterator::operator++() {
  Source& source = *source_;
  if (source.taken == source.came.size()) {
    source.came = List();
    source.taken = 0;
    if (source.reader.peer().keeps_results()) {  // the element shall stay in Python, so it can't come in a list
      const auto more = source.reader.method<bool>("advance");
      element_ = more ? source.reader.attr("element") : Value();
      if (!more) source_ = nullptr;
      return *this;
    }
    const Value values[] = {Value::make(source.reader), Value::make(std::string_view("take"))};
    const Step steps[] = {{Op::value}, {Op::attribute}, {Op::call}};
    source.came = source.reader.peer().run(Request{steps, values, Want::value}).as<List>();
  }
  if (source.came.empty()) {
    element_ = Value();
    source_ = nullptr;
  } else {
    element_ = source.came[source.taken++];
  }
  return *this;
}

Object PythonError::object() const { return Object(std::static_pointer_cast<ObjectState>(info()->object)); }

namespace detail {

const RemoteObject* remote_of(const Object& object) noexcept {
  const ObjectState* state = object.get();
  const bool is_remote = state != nullptr && state->form() == ObjectState::Form::remote;
  return is_remote ? static_cast<const RemoteObject*>(state) : nullptr;
}

const RemoteObject* remote_of(const Value& value) noexcept {
  const Object* object = value.get_if<Object>();
  return object != nullptr ? remote_of(*object) : nullptr;
}

void check_keywords(const Value* named, std::size_t count) {
  for (std::size_t i = 1; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (named[2 * i].text() == named[2 * j].text()) {
        throw Error(ErrorKind::invalid, "keyword argument '" + std::string(named[2 * i].text()) + "' is given twice");
      }
    }
  }
}

Object operate(std::string_view function, const Value& a, const Value& b) {
  return call_function<Object>(peer_of(a, b), "operator", function, a, b);
}

Object operate(std::string_view function, const Object& a) {
  return call_function<Object>(a.peer(), "operator", function, a);
}

bool compare(std::string_view function, const Value& a, const Value& b) {
  Peer& peer = peer_of(a, b);
  const Step steps[] = {{Op::import_module}, {Op::attribute}, {Op::call, 2}};
  const Value values[] = {Value::make(std::string_view("operator")), Value::make(function), a, b};
  const Value result = peer.run(Request{steps, values, Want::value});
  if (const bool* truth = result.get_if<bool>()) return *truth;
  return call_function<bool>(peer, "builtins", "bool", result);
}

}  // namespace detail

}  // namespace py4cpp
