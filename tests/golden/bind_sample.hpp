// Written by `py4cpp bind bind_sample`: Python's functions and classes as C++ functions; do not edit.
// Arguments with defaults are the fields of a struct, for designated initialisers: f(x, {.option = 1}).
#pragma once

#include <py4cpp/binding.hpp>
#include <py4cpp/py4cpp.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace sample {

// A module with every shape of a signature, for the golden header bind_sample.hpp.

inline ::py4cpp::Binding& py4cpp_binding_() {
  static ::py4cpp::Binding binding("bind_sample", "sample::bind");
  return binding;
}

// The functions below run in this Python from now on. Throws what importing bind_sample raises.
inline void bind(const ::py4cpp::Python& python) { py4cpp_binding_().to(python); }

struct http_server2d_args {
  ::py4cpp::Value host = "localhost";
  ::std::int64_t backlog = 5;
};

// A class, which is called.
template <class R = ::py4cpp::Object, ::py4cpp::ToPython T1>
R http_server2d(T1&& port, http_server2d_args options_ = {}) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "HTTPServer2D");
  call_.positional(::std::forward<T1>(port));
  call_.option("host", options_.host, "localhost");
  call_.option("backlog", options_.backlog, 5);
  return call_.template call<R>();
}

// The name is taken.
template <class R = ::py4cpp::Value>
R bind_2() {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "bind");
  return call_.template call<R>();
}

struct camel_case_2_args {
  ::py4cpp::Value alpha = 1;
  ::py4cpp::Value alpha_2 = 2;
};

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1>
R camel_case_2(T1&& n_splits, camel_case_2_args options_ = {}) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "camelCase");
  call_.positional(::std::forward<T1>(n_splits));
  call_.option("Alpha", options_.alpha, 1);
  call_.option("alpha", options_.alpha_2, 2);
  return call_.template call<R>();
}

// Has its name for itself.
template <class R = ::py4cpp::Value>
R camel_case() {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "camel_case");
  return call_.template call<R>();
}

struct defaults_args {
  bool flag = false;
  ::py4cpp::Value count = 3;
  ::py4cpp::Value scale = 1.5;
  ::py4cpp::Value mode = "full";
  ::std::optional<::py4cpp::Value> axis{};
  ::std::optional<::py4cpp::Value> out{};
  ::py4cpp::Value low = -1e-09;
  ::py4cpp::Value infinite = ::std::numeric_limits<double>::infinity();
};

// Defaults of all kinds.
//
// A line that ends in a backslash: \ .
// the next line.
template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1>
R defaults(T1&& x, defaults_args options_ = {}) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "defaults");
  call_.positional(::std::forward<T1>(x));
  call_.option("flag", options_.flag, false);
  call_.option("count", options_.count, 3);
  call_.option("scale", options_.scale, 1.5);
  call_.option("mode", options_.mode, "full");
  call_.option("axis", options_.axis);
  call_.option("out", options_.out);
  call_.option("low", options_.low, -1e-09);
  call_.option("infinite", options_.infinite, ::std::numeric_limits<double>::infinity());
  return call_.template call<R>();
}

// A keyword of C++, and so are its parameters.
template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1>
R double_(T1&& x) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "double");
  call_.positional(::std::forward<T1>(x));
  return call_.template call<R>();
}

template <class R = bool>
R enabled() {
  return py4cpp_binding_().template value<R>("enabled");
}

template <class R = ::py4cpp::Value>
R fails() {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "fails");
  return call_.template call<R>();
}

template <class R = ::std::string>
R greeting() {
  return py4cpp_binding_().template value<R>("greeting");
}

struct hinted_args {
  ::std::int64_t count = 3;
  double scale = 1;
  ::std::string name = "n";
  ::std::optional<::py4cpp::Value> many{};
};

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1>
R hinted(T1&& x, hinted_args options_ = {}) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "hinted");
  call_.positional(::std::forward<T1>(x));
  call_.option("count", options_.count, 3);
  call_.option("scale", options_.scale, 1);
  call_.option("name", options_.name, "n");
  call_.option("many", options_.many);
  return call_.template call<R>();
}

struct keyword_only_args {
  bool reverse = false;
  ::std::optional<::py4cpp::Value> required{};
};

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1>
R keyword_only(T1&& x, keyword_only_args options_ = {}) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "keyword_only");
  call_.positional(::std::forward<T1>(x));
  call_.option("reverse", options_.reverse, false);
  call_.option("required", options_.required);
  return call_.template call<R>();
}

struct keywords_args {
  ::py4cpp::Value scale = 1;
};

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1, class... More>
  requires(::py4cpp::detail::NamedArgument<More> && ...)
R keywords(T1&& x, keywords_args options_, More&&... more_) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "keywords");
  call_.positional(::std::forward<T1>(x));
  call_.option("scale", options_.scale, 1);
  (call_.more(::std::forward<More>(more_)), ...);
  return call_.template call<R>();
}

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1, class... More>
  requires(::py4cpp::detail::NamedArgument<More> && ...)
R keywords(T1&& x, More&&... more_) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "keywords");
  call_.positional(::std::forward<T1>(x));
  (call_.more(::std::forward<More>(more_)), ...);
  return call_.template call<R>();
}

template <class R = ::std::int64_t>
R limit() {
  return py4cpp_binding_().template value<R>("limit");
}

template <class R = ::py4cpp::Value, class... More>
  requires(::py4cpp::Argument<More> && ...)
R nobody_knows(More&&... more_) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "nobody_knows");
  (call_.more(::std::forward<More>(more_)), ...);
  return call_.template call<R>();
}

template <class R = ::py4cpp::Value, class... More>
  requires(::py4cpp::detail::NamedArgument<More> && ...)
R only_keywords(More&&... more_) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "only_keywords");
  (call_.more(::std::forward<More>(more_)), ...);
  return call_.template call<R>();
}

// Two positional arguments.
template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1, ::py4cpp::ToPython T2>
R plain(T1&& x, T2&& y) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "plain");
  call_.positional(::std::forward<T1>(x));
  call_.positional(::std::forward<T2>(y));
  return call_.template call<R>();
}

// So is that of the options of a function, if there were any.
template <class R = ::py4cpp::Value>
R plain_args() {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "plain_args");
  return call_.template call<R>();
}

struct positional_only_args {
  ::std::optional<::py4cpp::Value> base{};
  ::std::optional<::py4cpp::Value> digits{};
  bool strict = false;
};

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1>
R positional_only(T1&& x, positional_only_args options_ = {}) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "positional_only");
  call_.positional(::std::forward<T1>(x));
  call_.positional_option("base", options_.base);
  call_.positional_option("digits", options_.digits);
  call_.option("strict", options_.strict, false);
  return call_.template call<R>();
}

template <class R = double>
R ratio() {
  return py4cpp_binding_().template value<R>("ratio");
}

struct union_args {
  ::std::optional<::py4cpp::Value> operator_{};
  ::py4cpp::Value default_ = 1;
  ::py4cpp::Value new_ = 2;
  ::py4cpp::Value new_2 = 3;
};

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1>
R union_(T1&& int_, union_args options_ = {}) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "union");
  call_.positional(::std::forward<T1>(int_));
  call_.option("operator", options_.operator_);
  call_.option("default", options_.default_, 1);
  call_.option("new_", options_.new_, 2);
  call_.option("new", options_.new_2, 3);
  return call_.template call<R>();
}

struct variadic_args {
  ::py4cpp::Value sep = " ";
};

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1, class... More>
  requires(::py4cpp::Argument<More> && ...)
R variadic(T1&& first, variadic_args options_, More&&... more_) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "variadic");
  call_.positional(::std::forward<T1>(first));
  call_.option("sep", options_.sep, " ");
  (call_.more(::std::forward<More>(more_)), ...);
  return call_.template call<R>();
}

template <class R = ::py4cpp::Value, ::py4cpp::ToPython T1, class... More>
  requires(::py4cpp::Argument<More> && ...)
R variadic(T1&& first, More&&... more_) {
  ::py4cpp::BoundCall call_(py4cpp_binding_(), "variadic");
  call_.positional(::std::forward<T1>(first));
  (call_.more(::std::forward<More>(more_)), ...);
  return call_.template call<R>();
}

}  // namespace sample
