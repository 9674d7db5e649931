#include <py4cpp/monitor.hpp>

namespace py4cpp::detail {

Value MonitorSink::call(std::vector<Value> positional, NamedValues) {
  const Bytes* text = positional.size() == 1 ? positional[0].get_if<Bytes>() : nullptr;
  if (text == nullptr) throw ArgumentError("", "bytes that were printed", "something else");
  const std::lock_guard one_piece_at_a_time(mutex_);
  if (open_) target_({reinterpret_cast<const char*>(text->data()), text->size()});
  return open_;
}

void MonitorSink::close() noexcept {
  const std::lock_guard lock(mutex_);
  open_ = false;
}

}  // namespace py4cpp::detail
