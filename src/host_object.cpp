#include <py4cpp/host_object.hpp>

#include <py4cpp/object.hpp>

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>

namespace py4cpp {

namespace {

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : type.name();
}

bool is_identifier(std::string_view name) {
  const auto starts = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c < 0; };
  return !name.empty() && starts(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return starts(c) || (c >= '0' && c <= '9'); });
}

void check_name(std::string_view name) {
  if (!is_identifier(name)) {
    throw Error(ErrorKind::invalid, "host_object: '" + std::string(name) + "' can't be the name of a member in Python");
  }
}

// Whether an attribute can be set, by its setter.
Value writable(const HostCallable* setter) {
  if (setter == nullptr) return false;
  return setter->objects().empty() ? Value(true) : Value("object");
}

}  // namespace

HostInstance::HostInstance(std::shared_ptr<const volatile void> object, const std::type_info& type, bool is_const)
    : object_(std::move(object)), type_(type), is_const_(is_const) {}

HostInstance::HostInstance(const HostInstance& other)
    : HostCallable(),
      object_(other.object_),
      type_(other.type_),
      is_const_(other.is_const_),
      members_(other.members_) {}

std::shared_ptr<HostInstance> HostInstance::with_attribute(std::string_view name, Member get, Member set) const {
  check_name(name);
  std::shared_ptr<HostInstance> made(new HostInstance(*this));
  const std::string key(name);
  made->members_.erase(key + "()");
  made->members_.erase(key + "=");
  made->members_[key] = std::move(get);
  if (set) made->members_[key + "="] = std::move(set);
  return made;
}

std::shared_ptr<HostInstance> HostInstance::with_method(std::string_view name, Member method) const {
  check_name(name);
  std::shared_ptr<HostInstance> made(new HostInstance(*this));
  const std::string key(name);
  made->members_.erase(key);
  made->members_.erase(key + "=");
  made->members_[key + "()"] = std::move(method);
  return made;
}

Value HostInstance::call(std::vector<Value> positional, NamedValues named) {
  const auto member = positional.empty() ? members_.end() : members_.find(positional[0].text());
  if (member == members_.end()) throw ArgumentError("", "a member of " + describe(), "none of that name");
  const Member callable = member->second;
  positional.erase(positional.begin());
  return callable->call(std::move(positional), std::move(named));
}

Value HostInstance::face() const {
  std::vector<std::pair<Value, Value>> attributes, methods;
  for (const auto& [key, callable] : members_) {
    if (key.ends_with("()")) {
      methods.emplace_back(key.substr(0, key.size() - 2), callable->face());
    } else if (!key.ends_with('=')) {
      const auto setter = members_.find(key + "=");
      attributes.emplace_back(key, writable(setter != members_.end() ? setter->second.get() : nullptr));
    }
  }
  return Value::make(
      Dict(std::vector<std::pair<Value, Value>>{{Value("class"), Value(type_name(type_))},
                                                {Value("attributes"), Value::make(Dict(std::move(attributes)))},
                                                {Value("methods"), Value::make(Dict(std::move(methods)))}}));
}

std::string HostInstance::describe() const { return "<C++ " + type_name(type_) + ">"; }

std::shared_ptr<const volatile void> HostInstance::object(const std::type_info& type, bool as_const) const noexcept {
  return type == type_ && (as_const || !is_const_) ? object_ : nullptr;
}

namespace detail {

std::shared_ptr<const volatile void> host_of(const Object& object, const std::type_info& type, bool as_const) {
  // A handle to what Python holds is asked for what it is a handle to.
  const auto* local = dynamic_cast<const CallableObject*>(object.get());
  Value fetched;
  if (const RemoteObject* remote = remote_of(object)) {
    const Step steps[] = {{Op::value}};
    const Value values[] = {Value::make(object)};
    fetched = remote->peer()->run(Request{steps, values, Want::value});
    if (const Object* got = fetched.get_if<Object>()) local = dynamic_cast<const CallableObject*>(got->get());
  }
  const auto* instance = local != nullptr ? dynamic_cast<const HostInstance*>(local->callable().get()) : nullptr;
  if (instance != nullptr) {
    if (auto found = instance->object(type, as_const)) return found;
  }
  const std::string expected = "the C++ object " + std::string(as_const ? "const " : "") + type_name(type);
  if (instance != nullptr && instance->object(type, true)) {
    throw ConversionError("", expected, "one that was given as const: ask for the const type");
  }
  throw ConversionError("", expected, instance != nullptr ? instance->describe() : object.describe());
}

}  // namespace detail

}  // namespace py4cpp
