#include <py4cpp/function.hpp>

#include <py4cpp/convert_container.hpp>

namespace py4cpp {

PeerSource::~PeerSource() = default;

namespace detail {

Object NamedObject::object() {
  const std::shared_ptr<PeerSource> source = source_.lock();
  const std::shared_ptr<AsyncPeer> peer = source ? source->peer() : nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (object_.get() != nullptr && (peer == nullptr || peer == peer_)) return object_;
  }
  if (peer == nullptr)
    throw WorkerDied("the Python that was to know " + name_ + " is gone", std::nullopt, std::nullopt, "");
  const Step steps[] = {{start_}};
  const Value values[] = {Value::make(std::string_view(name_))};
  Object found = run<Object>(*peer, steps, values);
  const std::lock_guard lock(mutex_);
  peer_ = peer;
  object_ = found;
  return found;
}

std::shared_ptr<NamedObject> name_object(std::weak_ptr<PeerSource> source, Op start, std::string name) {
  return std::make_shared<NamedObject>(std::move(source), start, std::move(name));
}

}  // namespace detail

Module::Module(std::weak_ptr<PeerSource> source, std::string name)
    : named_(detail::name_object(std::move(source), Op::import_module, std::move(name))) {
  named_->object();
}

std::vector<std::string> Module::names() const {
  const Object module = object();
  return detail::call_function<std::vector<std::string>>(module.peer(), "py4cpp._introspect", "public_names", module);
}

Module Module::submodule(std::string_view name) const {
  return {named_->source(), this->name() + "." + std::string(name)};
}

}  // namespace py4cpp
