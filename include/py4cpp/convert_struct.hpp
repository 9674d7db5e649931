// One line makes a struct travel. Outside any namespace, before its first use:
//
//   struct Point { double x, y; };
//   PY4CPP_STRUCT(Point, x, y)
//
// To Python it is a dict of the named members, in that order: {'x': 1.0, 'y': 2.0}. Back it is made from a dict, or any
// mapping, with exactly these keys; or from any object with these attributes: a dataclass, a namedtuple, a class of
// your own; attributes beyond them don't matter. A missing member, a key too many and a value that doesn't fit throw
// ConversionError, whose path names the member: [3]['y'] in a list of dicts, [3].y in a list of objects. Members may be
// of any type that travels, other such structs too. A dict costs no extra round trip, an object one.
//
// Members that are Objects, or containers of them, are handles to what the Python object has there, if the struct is a
// result, an argument of a callback or in a container that is; not if it is itself a member of another such struct.
//
// The struct must have a default constructor; members not named keep what that gives them. The type is written as one
// name, qualified if need be (geo::Point); give a type with commas in it an alias. For private members, the struct
// declares `friend struct py4cpp::Convert<Point>;` after a declaration of the template, which <py4cpp/value.hpp> has.
// Where a dict is not what you want, specialise py4cpp::Convert by hand instead.
#pragma once

#include <py4cpp/convert_scalar.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/value.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace py4cpp::detail {

// Whether it is an Object or a container of some. By its spelling alone, since a struct may contain itself.
template <class T>
inline constexpr bool mentions_object = std::same_as<T, Object>;
template <template <class...> class Template, class... Ts>
inline constexpr bool mentions_object<Template<Ts...>> = (mentions_object<Ts> || ...);
template <class T, std::size_t n>
inline constexpr bool mentions_object<std::array<T, n>> = mentions_object<T>;

// The members' values, taken one after the other.
class Members {
 public:
  // Throws ConversionError unless `value` has these, and if it is a dict, only these. `handles` says which of them are
  // wanted as handles.
  Members(const Value& value, std::span<const std::string_view> names, std::span<const bool> handles);

  template <class T>
  void take(T& member) {
    try {
      member = Convert<T>::from(values_[next_]);
    } catch (const ConversionError& error) {
      throw error.prefixed(step(next_));
    }
    ++next_;
  }

 private:
  std::string step(std::size_t index) const;
  Dict ask(Peer& peer, const Value& object, std::span<const bool> handles);

  std::span<const std::string_view> names_;
  std::vector<Value> values_;
  bool keys_ = true;  // of a mapping; else attributes
  std::size_t next_ = 0;
};

}  // namespace py4cpp::detail

#define PY4CPP_STRUCT(Type, ...)                                                                                \
  template <>                                                                                                   \
  struct py4cpp::Convert<Type> {                                                                                \
    using Struct = Type;                                                                                        \
    static constexpr std::array names{PY4CPP_FOR_EACH(PY4CPP_MEMBER_NAME, __VA_ARGS__)};                        \
    static constexpr std::array handles{PY4CPP_FOR_EACH(PY4CPP_MEMBER_HANDLE, __VA_ARGS__)};                    \
    static constexpr bool takes_handle = std::ranges::find(handles, true) != handles.end();                     \
    static Value to(const Type& object) {                                                                       \
      return Value::make(Dict(std::vector<Dict::value_type>{PY4CPP_FOR_EACH(PY4CPP_MEMBER_TO, __VA_ARGS__)}));  \
    }                                                                                                           \
    static Type from(const Value& value) {                                                                      \
      detail::Members members(value, names, handles);                                                           \
      Type object{};                                                                                            \
      PY4CPP_FOR_EACH(PY4CPP_MEMBER_FROM, __VA_ARGS__)                                                          \
      return object;                                                                                            \
    }                                                                                                           \
  };

#define PY4CPP_MEMBER_NAME(member) std::string_view(#member),
#define PY4CPP_MEMBER_HANDLE(member) detail::mentions_object<decltype(Struct::member)>,
#define PY4CPP_MEMBER_TO(member) Dict::value_type(Value::make(std::string_view(#member)), Value(object.member)),
#define PY4CPP_MEMBER_FROM(member) members.take(object.member);

// macro(a) macro(b) ... for up to 256 arguments.
#define PY4CPP_FOR_EACH(macro, ...) __VA_OPT__(PY4CPP_SCAN(PY4CPP_FOR_ONE(macro, __VA_ARGS__)))
#define PY4CPP_FOR_ONE(macro, first, ...) \
  macro(first) __VA_OPT__(PY4CPP_FOR_REST PY4CPP_PARENTHESES(macro, __VA_ARGS__))
#define PY4CPP_FOR_REST() PY4CPP_FOR_ONE
#define PY4CPP_PARENTHESES ()
#define PY4CPP_SCAN(...) PY4CPP_SCAN3(PY4CPP_SCAN3(PY4CPP_SCAN3(PY4CPP_SCAN3(__VA_ARGS__))))
#define PY4CPP_SCAN3(...) PY4CPP_SCAN2(PY4CPP_SCAN2(PY4CPP_SCAN2(PY4CPP_SCAN2(__VA_ARGS__))))
#define PY4CPP_SCAN2(...) PY4CPP_SCAN1(PY4CPP_SCAN1(PY4CPP_SCAN1(PY4CPP_SCAN1(__VA_ARGS__))))
#define PY4CPP_SCAN1(...) PY4CPP_SCAN0(PY4CPP_SCAN0(PY4CPP_SCAN0(PY4CPP_SCAN0(__VA_ARGS__))))
#define PY4CPP_SCAN0(...) __VA_ARGS__
