#include <py4cpp/callable.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace py4cpp {

HostCallable::~HostCallable() = default;

Value HostCallable::face() const {
  const auto tuple_of = [](const auto& items) {
    return Value::make(Tuple(std::vector<Value>(items.begin(), items.end())));
  };
  const Value names = names_.empty() ? Value() : tuple_of(names_);
  if (objects_.empty()) return names;
  return Value(Dict{{"names", names}, {"objects", tuple_of(objects_)}});
}

std::string HostCallable::describe() const { return "<C++ callable>"; }

std::string CallableObject::describe() const { return callable_->describe(); }

namespace detail {

namespace {

std::string count_text(std::size_t count) { return std::to_string(count) + (count == 1 ? " argument" : " arguments"); }

}  // namespace

Value callable_value(std::shared_ptr<HostCallable> callable) {
  return Value::make(Object(std::make_shared<CallableObject>(std::move(callable))));
}

std::vector<Value> arrange(std::vector<Value> positional, HostCallable::NamedValues named,
                           const std::vector<std::string>& names, std::size_t arity) {
  const std::size_t given = positional.size() + named.size();
  if (named.empty()) {
    if (given != arity) throw ArgumentError("", count_text(arity), std::to_string(given));
    return positional;
  }
  if (positional.size() > arity) throw ArgumentError("", count_text(arity), std::to_string(given));
  std::vector<std::optional<Value>> rest(arity - positional.size());
  for (auto& [name, value] : named) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      const std::string expected =
          names.empty() ? "no keywords: the C++ callable was given no parameter names" : "one of its parameters' names";
      throw ArgumentError("", expected, "keyword '" + name + "'");
    }
    const auto index = static_cast<std::size_t>(found - names.begin());
    if (index < positional.size() || rest[index - positional.size()]) {
      throw ArgumentError("argument '" + name + "'", "one value", "several");
    }
    rest[index - positional.size()] = std::move(value);
  }
  for (auto& value : rest) {
    if (!value) throw ArgumentError("argument '" + names[positional.size()] + "'", "a value", "none");
    positional.push_back(*std::move(value));
  }
  return positional;
}

void check_names(const std::vector<std::string>& names, std::size_t arity) {
  if (names.empty()) return;
  if (names.size() != arity) {
    throw Error(ErrorKind::invalid,
                std::to_string(names.size()) + " parameter names were given for a callable of " + count_text(arity));
  }
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (std::find(names.begin(), name, *name) != name) {
      throw Error(ErrorKind::invalid, "parameter name '" + *name + "' is given twice");
    }
  }
}

void throw_bad_argument(const ConversionError& error, std::size_t index, const std::vector<std::string>& names) {
  const std::string which = names.empty() ? std::to_string(index + 1) : "'" + names[index] + "'";
  throw ArgumentError("argument " + which + error.path(), error.expected(), error.found());
}

}  // namespace detail

}  // namespace py4cpp
