#include <py4cpp/future.hpp>

namespace py4cpp {

PendingCall::~PendingCall() = default;

std::string FutureObject::describe() const { return "<future>"; }

}  // namespace py4cpp
