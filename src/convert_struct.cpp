#include <py4cpp/convert_struct.hpp>

#include <py4cpp/object.hpp>

#include "value_text.hpp"

#include <algorithm>
#include <utility>

namespace py4cpp::detail {

namespace {

std::string listed(std::span<const std::string_view> names) {
  std::string text = names.size() == 1 ? "the key" : "the keys";
  for (const std::string_view name : names) text.append(name == names.front() ? " " : ", ").append(name);
  return text;
}

}  // namespace

// What the object has of the names, and whether it is a mapping.
Dict Members::ask(Peer& peer, const Value& object, std::span<const bool> handles) {
  std::vector<Value> as_handles;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (handles[i]) as_handles.push_back(Value::make(names_[i]));
  }
  const auto answer =
      call_function<Tuple>(peer, "py4cpp._introspect", "members", object,
                           List(std::vector<Value>(names_.begin(), names_.end())), List(std::move(as_handles)));
  keys_ = answer[0].as<bool>();
  return answer[1].as<Dict>();
}

Members::Members(const Value& value, std::span<const std::string_view> names, std::span<const bool> handles)
    : names_(names) {
  Dict found;
  if (const RemoteObject* remote = remote_of(value)) {
    found = ask(*remote->peer(), value, handles);
  } else if (const Dict* dict = value.get_if<Dict>()) {
    found = *dict;
  } else {
    throw_mismatch("dict", value);
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
