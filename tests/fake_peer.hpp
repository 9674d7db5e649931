// A worker that isn't there: it notes what is asked of it and answers from a script. For tests of what handles and
// conversions ask, in one thread. What was asked is kept as text: kept values would keep their peer alive.
#pragma once

#include <py4cpp/error.hpp>
#include <py4cpp/errors.hpp>
#include <py4cpp/object.hpp>
#include <py4cpp/request.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace py4cpp {

class FakePeer final : public Peer, public std::enable_shared_from_this<FakePeer> {
 public:
  struct Asked {
    std::vector<Step> steps;
    std::string values;
    std::string second;  // text of the second value: of a function's name
    Want want;
  };
  using Answer = std::function<Value()>;

  Value run(const Request& request) override {
    asked.push_back({{request.steps.begin(), request.steps.end()},
                     to_string(List(std::vector<Value>(request.values.begin(), request.values.end()))),
                     request.values.size() > 1 ? std::string(request.values[1].text()) : std::string(),
                     request.want});
    if (answers.empty()) return {};
    const Answer answer = std::move(answers.front());
    answers.pop_front();
    return answer();
  }
  void release(std::uint64_t id) noexcept override { released.push_back(id); }
  bool keeps_results() const noexcept override { return keeps; }

  Object object(std::uint64_t id) { return Object(std::make_shared<RemoteObject>(shared_from_this(), id)); }
  void answer(Value value) {
    answers.push_back([value = std::move(value)] { return value; });
  }
  void raise(const std::string& type) {
    answers.push_back([type]() -> Value {
      auto info = std::make_shared<ExceptionInfo>();
      info->type = type;
      info->bases = {type, "Exception", "BaseException"};
      throw PythonError(std::move(info));
    });
  }

  // "import_module attribute call(1,0)", of the last request.
  std::string steps() const {
    static const char* const names[] = {"name",      "expression", "code", "value",         "assign",   "import_module",
                                        "attribute", "item",       "call", "set_attribute", "set_item", "delete_item"};
    std::string text;
    for (const Step& step : asked.back().steps) {
      if (!text.empty()) text += ' ';
      text += names[static_cast<int>(step.op)];
      if (step.positional > 0 || step.named > 0) {
        text += "(" + std::to_string(step.positional) + "," + std::to_string(step.named) + ")";
      }
    }
    return text;
  }
  const std::string& values() const { return asked.back().values; }

  std::vector<Asked> asked;
  std::deque<Answer> answers;
  std::vector<std::uint64_t> released;
  bool keeps = false;
};

}  // namespace py4cpp
