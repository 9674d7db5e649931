#include <py4cpp/binding.hpp>

namespace py4cpp {

void Binding::to(const Python& python) {
  const auto module = detail::name_object(python.source(), Op::import_module, std::string(module_));
  module->object();
  if (const auto source = python.source().lock()) source->keep(this, module);
  const std::lock_guard lock(mutex_);
  bound_ = module;
  is_bound_ = true;
}

Module Binding::module() const {
  const std::lock_guard lock(mutex_);
  if (auto module = bound_.lock()) return Module(std::move(module));
  const std::string call = std::string(bind_) + "(py)";
  if (is_bound_) {
    throw WorkerDied("the Python that was given to " + call + " is gone: call it with another", std::nullopt,
                     std::nullopt, "");
  }
  throw Error(ErrorKind::invalid, call + " must be called first: it says which Python runs " + std::string(module_));
}

BoundCall::BoundCall(const Binding& binding, std::string_view function)
    : module_(binding.module()), function_(function) {}

void BoundCall::add_after_gap(std::string_view name, Value value) {
  if (gap_) {
    throw Error(ErrorKind::invalid, std::string(function_) + "(): Python takes '" + std::string(name) +
                                        "' only after the options before it, so these must be given, too");
  }
  positional_.push_back(std::move(value));
}

std::vector<Step> BoundCall::steps_of_call() const {
  return {{Op::value},
          {Op::attribute},
          {Op::call, static_cast<std::uint32_t>(positional_.size()), static_cast<std::uint32_t>(named_.size() / 2)}};
}

std::vector<Value> BoundCall::values_of_call(const Object& module) const {
  detail::check_keywords(named_.data(), named_.size() / 2);
  std::vector<Value> values{Value::make(module), Value::make(function_)};
  values.insert(values.end(), positional_.begin(), positional_.end());
  values.insert(values.end(), named_.begin(), named_.end());
  return values;
}

}  // namespace py4cpp
