#include <py4cpp/chain.hpp>

#include <py4cpp/error.hpp>

namespace py4cpp {

void Chain::run_set(Value value) const {
  std::vector<Step> steps = steps_;
  std::vector<Value> values = values_;
  Step& last = steps.back();
  if (last.op == Op::item) {
    last.op = Op::set_item;
  } else if (last.op == Op::attribute) {
    last.op = Op::set_attribute;
  } else {
    throw Error(ErrorKind::invalid, "a chain can only be set() after item() or attr()");
  }
  values.push_back(std::move(value));
  peer_->run(Request{steps, values, Want::nothing});
}

}  // namespace py4cpp
