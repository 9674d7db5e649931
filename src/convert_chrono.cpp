#include <py4cpp/convert_chrono.hpp>

#include <py4cpp/big_int.hpp>
#include <py4cpp/convert.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/object.hpp>

#include <cmath>
#include <limits>
#include <memory>
#include <string>

namespace py4cpp {

namespace detail {

namespace {

constexpr std::int64_t microseconds_a_day = 86'400'000'000;

// dividend / divisor to the nearest integer, half to even; divisor > 0.
BigInt divide_rounded(const BigInt& dividend, const BigInt& divisor) {
  BigInt quotient = dividend / divisor;  // towards zero
  const BigInt rest = abs(BigInt(dividend % divisor)) * 2;
  if (rest > divisor || (rest == divisor && quotient % 2 != 0)) quotient += dividend < 0 ? -1 : 1;
  return quotient;
}

Value timedelta(const BigInt& microseconds) {
  BigInt days = microseconds / microseconds_a_day;
  BigInt rest = microseconds % microseconds_a_day;
  if (rest < 0) {
    rest += microseconds_a_day;
    --days;
  }
  if (abs(days) > 999'999'999) throw Error(ErrorKind::invalid, "a duration of more days than a timedelta can hold");
  return Value::make(
      Object(std::make_shared<TimedeltaObject>(static_cast<std::int64_t>(days), static_cast<std::int64_t>(rest))));
}

BigInt whole_microseconds(double seconds) {  // as timedelta(seconds=...) does: the fraction apart, so it stays precise
  const double whole = std::trunc(seconds);
  return BigInt(whole) * 1'000'000 + BigInt(std::nearbyint((seconds - whole) * 1e6));
}

// Whole microseconds, exact, where `exact`; else seconds as a number.
struct Span {
  bool exact;
  BigInt microseconds;
  double seconds;
};

Span exact_span(BigInt microseconds) { return Span{true, std::move(microseconds), 0}; }

Span span_from(const Value& value) {
  const Object* object = value.get_if<Object>();
  const ObjectState* state = object == nullptr ? nullptr : object->get();
  if (const auto* delta = dynamic_cast<const TimedeltaObject*>(state)) {
    return exact_span(BigInt(delta->days()) * microseconds_a_day + delta->microseconds());
  }
  if (const RemoteObject* remote = remote_of(value)) {
    const Value microsecond = Value::make(Object(std::make_shared<TimedeltaObject>(0, 1)));
    try {
      const Value count = call_function<Value>(*remote->peer(), "operator", "floordiv", value, microsecond);
      return exact_span(Convert<BigInt>::from(count));
    } catch (const PythonError& error) {
      if (!error.matches("TypeError")) throw;  // no timedelta: a number?
    }
  }
  const Local local(value, Kind::floating);
  switch (local->kind()) {
    case Kind::integer:
      return exact_span(BigInt(*local->get_if<std::int64_t>()) * 1'000'000);
    case Kind::floating: {
      const double seconds = *local->get_if<double>();
      if (std::isfinite(seconds)) return Span{false, 0, seconds};
      break;
    }
    default:
      break;
  }
  throw_mismatch("timedelta, or a number of seconds", *local);
}

}  // namespace

Value timedelta_from_ticks(std::int64_t ticks, std::int64_t num, std::int64_t den) {
  return timedelta(divide_rounded(BigInt(ticks) * num * 1'000'000, den));
}

Value timedelta_from_seconds(double seconds) {
  if (!std::isfinite(seconds)) throw Error(ErrorKind::invalid, "a duration that is no finite number");
  return timedelta(whole_microseconds(seconds));
}

double seconds_from(const Value& value) {
  const Span span = span_from(value);
  return span.exact ? static_cast<double>(span.microseconds) / 1e6 : span.seconds;
}

std::int64_t ticks_from(const Value& value, std::int64_t num, std::int64_t den, std::int64_t low, std::int64_t high) {
  const Span span = span_from(value);
  BigInt ticks;
  if (!span.exact && den / num > 1'000'000) {  // finer than a microsecond
    const double whole = std::trunc(span.seconds);
    const double scale = static_cast<double>(den) / static_cast<double>(num);
    ticks = BigInt(whole) * den / num + BigInt(std::nearbyint((span.seconds - whole) * scale));
  } else {
    const BigInt microseconds = span.exact ? span.microseconds : whole_microseconds(span.seconds);
    const BigInt dividend = microseconds * den;
    const BigInt divisor = BigInt(num) * 1'000'000;
    if (dividend % divisor != 0) {
      throw ConversionError("", "a whole number of ticks of " + std::to_string(num) + "/" + std::to_string(den) + " s",
                            microseconds.str() + " microseconds");
    }
    ticks = dividend / divisor;
  }
  if (ticks < low || ticks > high) {
    throw ConversionError("", "a duration of " + std::to_string(low) + ".." + std::to_string(high) + " ticks",
                          ticks.str() + " ticks");
  }
  return static_cast<std::int64_t>(ticks);
}

}  // namespace detail

std::string TimedeltaObject::describe() const {
  return "timedelta(days=" + std::to_string(days_) + ", microseconds=" + std::to_string(microseconds_) + ")";
}

}  // namespace py4cpp
