#include <py4cpp/monitor.hpp>

#include <mutex>
#include <utility>
#include <vector>

namespace py4cpp::detail {

// What Python calls with each piece. One piece at a time, whichever of Python's threads printed it; once closed, and no
// call is inside then, it says that it takes no more.
class MonitorSink final : public HostCallable {
 public:
  explicit MonitorSink(std::function<void(std::string_view)> target) : target_(std::move(target)) {}

  Value call(std::vector<Value> positional, NamedValues named) override;
  void close() noexcept;

 private:
  std::recursive_mutex mutex_;  // what the target does may print
  std::function<void(std::string_view)> target_;
  bool open_ = true;
};

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

Monitor::Monitor(Target&& target) : sink_(std::make_shared<MonitorSink>(std::move(target))) {}

Monitor::~Monitor() { sink_->close(); }

Value Monitor::value() const { return callable_value(sink_); }

}  // namespace py4cpp::detail
