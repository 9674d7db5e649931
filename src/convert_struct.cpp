#include <py4cpp/convert_struct.hpp>

#include <py4cpp/object.hpp>

#include "value_text.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace py4cpp::detail {

namespace {

// What the object has of the names, and whether it is a mapping, by one question to Python.
std::pair<bool, Dict> ask(Peer& peer, const Value& object, std::span<const std::string_view> names) {
  const std::vector<Value> wanted(names.begin(), names.end());
  const Value answer = call_function<Value>(peer, "py4cpp._introspect", "members", object, Value::make(List(wanted)));
  return {answer[0].as<bool>(), answer[1].as<Dict>()};
}

std::string listed(std::span<const std::string_view> names) {
  std::string text = names.size() == 1 ? "the key" : "the keys";
  for (const std::string_view name : names) text.append(name == names.front() ? " " : ", ").append(name);
  return text;
}

}  // namespace

Members::Members(const Value& value, std::span<const std::string_view> names) : names_(names) {
  const Local local(value, Kind::object);
  Dict found;
  if (const Dict* dict = local->get_if<Dict>()) {
    found = *dict;
  } else if (const Object* object = local->get_if<Object>();
             object != nullptr && object->get() != nullptr && object->get()->form() == ObjectState::Form::remote) {
    std::tie(keys_, found) = ask(object->peer(), *local, names);
  } else {
    throw_mismatch("dict", *local);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto pair = found.find(Value::make(names[i]));
    if (pair == found.end()) throw ConversionError(step(i), "a value", keys_ ? "no such key" : "no such attribute");
    values_.push_back(pair->second);
  }
  if (!keys_) return;
  for (const auto& [key, unused] : found) {
    const bool known = key.is<std::string>() && std::find(names.begin(), names.end(), key.text()) != names.end();
    if (!known) throw ConversionError(key_step(key), "only " + listed(names), "key " + repr(key, 60));
  }
}

std::string Members::step(std::size_t index) const {
  return keys_ ? key_step(Value::make(names_[index])) : "." + std::string(names_[index]);
}

}  // namespace py4cpp::detail
