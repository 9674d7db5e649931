// A forked child that is a host of its own. It ends without running destructors of static objects, so its arena is
// closed for it.
#pragma once

#include "arena.hpp"
#include "child_process.hpp"

namespace py4cpp::test {

inline int in_host_child(const std::function<int()>& body) {
  return in_child([&] {
    const int code = body();
    process_arena()->close();
    return code;
  });
}

}  // namespace py4cpp::test
