#include "greeting.hpp"

#include "refs.hpp"
#include "version.hpp"

#include <py4cpp/error.hpp>

#include <unistd.h>

namespace py4cpp {

namespace {

constexpr int nothing_wakes_us = -1;

// Of sys.version_info.
void describe_python(HelloInfo& hello) {
  PyObject* info = PySys_GetObject("version_info");
  const auto number = [&](Py_ssize_t index) {
    const Ref item = info != nullptr ? Ref::steal(PySequence_GetItem(info, index)) : Ref();
    return item ? static_cast<int>(PyLong_AsLong(item.get())) : 0;
  };
  hello.major = number(0);
  hello.minor = number(1);
  hello.micro = number(2);
  hello.serial = number(4);
  const Ref level = info != nullptr ? Ref::steal(PySequence_GetItem(info, 3)) : Ref();
  const char* text = level ? PyUnicode_AsUTF8AndSize(level.get(), nullptr) : nullptr;
  if (text != nullptr) hello.releaselevel = text;
  PyErr_Clear();
}

}  // namespace

HelloInfo await_host(Channel& channel) {
  for (;;) {
    const auto arrival = channel.receive();
    if (const auto message = channel.next()) {
      const auto* hello = message->as<wire::Hello>();
      if (hello == nullptr) throw BadMessage("no greeting");
      return HelloInfo::read(*hello);
    }
    if (arrival == Channel::Arrival::closed) throw Error(ErrorKind::disconnected, "the C++ program has ended");
    if (arrival == Channel::Arrival::nothing) channel.wait(nothing_wakes_us, true, false, std::nullopt);
  }
}

void greet_host(Channel& channel, const ArenaId& arena) {
  HelloInfo hello;
  hello.protocol = protocol_hash();
  hello.version = version;
  hello.pid = getpid();
  hello.arena_high = arena.high;
  hello.arena_low = arena.low;
  describe_python(hello);
  MessageBuilder builder;
  channel.queue(builder.hello(hello));
  while (!channel.flush()) channel.wait(nothing_wakes_us, false, true, std::nullopt);
}

}  // namespace py4cpp
