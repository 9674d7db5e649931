#include <py4cpp/chain.hpp>

#include <py4cpp/error.hpp>

namespace py4cpp {

Chain::Chain(std::shared_ptr<AsyncPeer> peer, Op start, Value value) : peer_(std::move(peer)) {
  *add({start}, 1) = std::move(value);
}

Chain::Chain(const Chain&) = default;
Chain::Chain(Chain&&) noexcept = default;
Chain& Chain::operator=(const Chain&) = default;
Chain& Chain::operator=(Chain&&) noexcept = default;
Chain::~Chain() = default;

Chain Chain::attr(std::string_view name) const& { return Chain(*this).attr(name); }

Chain Chain::attr(std::string_view name) && {
  *add({Op::attribute}, 1) = Value::make(name);
  return std::move(*this);
}

AsyncPeer& Chain::peer() const {
  if (!peer_) throw Error(ErrorKind::invalid, "this chain has been moved from");
  return *peer_;
}

Value* Chain::add(Step step, std::size_t values) {
  steps_.push_back(step);
  values_.resize(values_.size() + values);
  return values_.data() + values_.size() - values;
}

void Chain::run_set(Value value) const {
  AsyncPeer& asked = peer();
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
  asked.run(Request{steps, values, Want::nothing});
}

}  // namespace py4cpp
