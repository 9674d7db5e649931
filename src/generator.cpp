#include <py4cpp/generator.hpp>

#include <algorithm>

namespace py4cpp {

namespace {

// Elements that are large, or stand for something, go one by one: made ahead they would only pile up.
bool is_small(const Value& value) {
  constexpr std::size_t short_text = 256;
  switch (value.kind()) {
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::floating:
    case Kind::complex:
      return true;
    case Kind::string:
      return value.text().size() <= short_text;
    default:
      return false;
  }
}

class Running {
 public:
  explicit Running(std::atomic<bool>& flag) : flag_(flag) {
    if (flag_.exchange(true)) throw Error(ErrorKind::invalid, "this C++ generator is being advanced already");
  }
  ~Running() { flag_.store(false); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  std::atomic<bool>& flag_;
};

}  // namespace

Value GeneratorSource::call(std::vector<Value> positional, NamedValues named) {
  if (positional.size() != 1 || !named.empty())
    throw ArgumentError("", "the number of elements wanted", "no such call");
  const auto most = positional[0].as<std::size_t>();
  const Running running(running_);
  return Value::make(List(take(std::max<std::size_t>(most, 1))));
}

std::vector<Value> GeneratorSource::take(std::size_t most) {
  std::vector<Value> taken;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  while (!ended_ && taken.size() < most) {
    try {
      std::optional<Value> element = next();
      ended_ = !element;
      if (!element) break;
      taken.push_back(*std::move(element));
    } catch (...) {
      ended_ = true;
      if (taken.empty()) throw;
      error_ = std::current_exception();
      break;
    }
    if (!ahead_ || !is_small(taken.back())) break;
  }
  return taken;
}

Value GeneratorSource::face() const { return Value("iterator"); }

std::string GeneratorSource::describe() const { return "<C++ generator>"; }

}  // namespace py4cpp
