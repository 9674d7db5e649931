#include "failure_codec.hpp"

#include <py4cpp/errors.hpp>

#include <memory>
#include <utility>

namespace py4cpp {

namespace {

std::string text(ValueReader& reader) { return std::string(reader.expect_string()); }

struct Decoded {
  std::shared_ptr<ExceptionInfo> info = std::make_shared<ExceptionInfo>();
  std::uint32_t cause = 0, context = 0;
};

Decoded decode_one(const wire::Exception& head, ValueReader& reader, Linkage& linkage) {
  Decoded decoded;
  ExceptionInfo& info = *decoded.info;
  info.type = text(reader);
  info.message = text(reader);
  info.traceback = text(reader);
  for (std::uint32_t i = 0; i < head.notes(); ++i) info.notes.push_back(text(reader));
  for (std::uint32_t i = 0; i < head.bases(); ++i) {
    if (std::string base = text(reader); base != "object") info.bases.push_back(std::move(base));
  }
  if (info.bases.empty()) info.bases.push_back(info.type);
  if (head.object() != 0) info.object = linkage.object(head.object()).state();
  decoded.cause = head.cause();
  decoded.context = head.context();
  return decoded;
}

}  // namespace

std::exception_ptr decode_failure(const wire::Failure& failure, Linkage& linkage, const Exports& exports) {
  if (failure.exceptions() == nullptr || failure.exceptions()->size() == 0) throw BadMessage("a failure without cause");
  ValueReader reader(failure);
  std::vector<Decoded> all;
  for (const wire::Exception* head : *failure.exceptions()) all.push_back(decode_one(*head, reader, linkage));
  if (const std::uint64_t id = failure.exceptions()->Get(0)->host_exception(); id != 0) {
    if (std::exception_ptr original = exports.exception(id)) return original;
  }
  // An exception refers to later ones only, so the last is whole first.
  std::vector<std::shared_ptr<const PythonError>> errors(all.size());
  const auto refer = [&](std::uint32_t reference, std::size_t from) -> std::shared_ptr<const PythonError> {
    if (reference == 0) return nullptr;
    if (reference > all.size() || reference - 1 <= from) throw BadMessage("a chain of exceptions that loops");
    return errors[reference - 1];
  };
  for (std::size_t i = all.size(); i-- > 0;) {
    all[i].info->cause = refer(all[i].cause, i);
    all[i].info->context = refer(all[i].context, i);
    if (i > 0) errors[i] = share_python_error(all[i].info);
  }
  return make_python_error(all[0].info);
}

EncodedException::EncodedException(const std::exception_ptr& exception, Linkage& linkage, Exports& exports) {
  WireException wire;
  const auto original = [&] {
    type_ = "py4cpp.HostError";
    wire.host_exception = exports.lend(exception);
  };
  try {
    std::rethrow_exception(exception);
  } catch (const PythonError& error) {
    type_ = error.type();
    message_ = error.message();
    if (const auto* state = static_cast<const ObjectState*>(error.info()->object.get())) {
      try {
        wire.object = linkage.object_id(*state);
        object_ = std::static_pointer_cast<ObjectState>(error.info()->object);
      } catch (const Error&) {
        original();  // of another worker: it passes through this one as a C++ exception
      }
    }
  } catch (const ArgumentError& error) {
    type_ = "TypeError";
    message_ = error.what();
  } catch (const std::exception& error) {
    original();
    message_ = error.what();
  } catch (...) {
    original();
    message_ = "a C++ exception that is no std::exception";
  }
  wire.type = type_;
  wire.message = message_;
  list_.push_back(std::move(wire));
}

}  // namespace py4cpp
