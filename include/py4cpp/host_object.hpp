// A C++ object in Python's hands: host_object(thing) with the attributes and methods that Python shall see. It is
// passed like any value; Python sees an object of a class with the name of the C++ type, and reads, writes and calls
// the C++ object itself, which comes back with Object::host<T>().
//
// A HostObject is a value: each attr() and method() returns a new one. It shares the object if it was made from a
// shared_ptr, and so does Python for as long as it holds the object; made from a reference, the object must outlive
// Python's use. Members are used on any thread, on several at once if Python does so.
#pragma once

#include <py4cpp/callable.hpp>

#include <concepts>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace py4cpp {

// The members of one C++ object, each a callable: "x" reads the attribute x, "x=" sets it, "x()" calls the method x.
class HostInstance final : public HostCallable {
 public:
  using Member = std::shared_ptr<HostCallable>;

  HostInstance(std::shared_ptr<const volatile void> object, const std::type_info& type, bool is_const);

  // This with one member more, or another one in its place. Throws Error(invalid) if the name is none in Python.
  std::shared_ptr<HostInstance> with_attribute(std::string_view name, Member get, Member set) const;
  std::shared_ptr<HostInstance> with_method(std::string_view name, Member method) const;

  Value call(std::vector<Value> positional, NamedValues named) override;
  Value face() const override;
  bool is_function() const noexcept override { return false; }
  std::string describe() const override;

  // The object, if it is of exactly this type; null if not. As const it may be asked for in either case.
  std::shared_ptr<const volatile void> object(const std::type_info& type, bool as_const) const noexcept;

 private:
  HostInstance(const HostInstance& other);

  std::shared_ptr<const volatile void> object_;
  const std::type_info& type_;
  const bool is_const_;
  std::map<std::string, Member, std::less<>> members_;
};

namespace detail {

// The object behind a handle; throws ConversionError.
std::shared_ptr<const volatile void> host_of(const Object& object, const std::type_info& type, bool as_const);

// A member of an object, as a callable of the other arguments.
template <class T, class F>
struct Bound {
  std::shared_ptr<T> object;
  F function;

  template <class... Args>
  decltype(auto) operator()(Args&&... args) {
    return std::invoke(function, *object, std::forward<Args>(args)...);
  }
};

// The signature of a function that takes the object first, without the object.
template <class S>
struct WithoutFirst;
template <class R, class First, class... A>
struct WithoutFirst<Signature<R, First, A...>> { using type = Signature<R, A...>; };

template <class F>
struct MethodSignature {};
template <class F>
  requires(!std::is_member_pointer_v<F>) && requires { typename WithoutFirst<typename SignatureOf<F>::type>::type; }
struct MethodSignature<F> : WithoutFirst<typename SignatureOf<F>::type> {};
template <class F>
  requires std::is_member_function_pointer_v<F>
struct MethodSignature<F> : SignatureOf<F> {};

template <class T, class F>
concept MethodOf = requires { typename MethodSignature<F>::type; } &&
                   signature_travels<typename MethodSignature<F>::type>;

template <class T, class F, class S = typename MethodSignature<F>::type>
std::shared_ptr<HostCallable> bind_member(std::shared_ptr<T> object, F function, std::vector<std::string> names = {}) {
  check_names(names, S::arity);
  return std::make_shared<BoundCallable<Bound<T, F>, S>>(Bound<T, F>{std::move(object), std::move(function)},
                                                         std::move(names));
}

}  // namespace detail

template <class T>
class HostObject {
 public:
  explicit HostObject(std::shared_ptr<T> object)
      : object_(std::move(object)),
        instance_(std::make_shared<HostInstance>(object_, typeid(T), std::is_const_v<T>)) {
    if (object_ == nullptr) throw Error(ErrorKind::invalid, "host_object() was given a null pointer");
  }

  // A data member. Python may set it if it isn't const and its type comes from Python.
  template <class M, class C>
    requires std::derived_from<std::remove_const_t<T>, C> && (!std::is_function_v<M>) && ToPython<const M&>
  HostObject attr(std::string_view name, M C::*member) const {
    using Held = std::remove_cv_t<M>;
    auto get = detail::bind_member<T, std::function<Held(T&)>>(object_, [member](T& t) -> Held { return t.*member; });
    if constexpr (!std::is_const_v<T> && !std::is_const_v<M> && FromPython<M>) {
      return with_setter(name, std::move(get), [member](T& t, M value) { t.*member = std::move(value); });
    } else {
      return HostObject(object_, members().with_attribute(name, std::move(get), nullptr));
    }
  }
  // Computed: by a member function without parameters, or by a function of the object.
  template <class Get>
    requires detail::MethodOf<T, std::decay_t<Get>>
  HostObject attr(std::string_view name, Get&& get) const {
    return HostObject(object_, members().with_attribute(name, getter(std::forward<Get>(get)), nullptr));
  }
  template <class Get, class Set>
    requires detail::MethodOf<T, std::decay_t<Get>> && detail::MethodOf<T, std::decay_t<Set>>
  HostObject attr(std::string_view name, Get&& get, Set&& set) const {
    using Signature = typename detail::MethodSignature<std::decay_t<Set>>::type;
    static_assert(Signature::arity == 1, "a setter takes the object and the new value");
    return with_setter(name, getter(std::forward<Get>(get)), std::decay_t<Set>(std::forward<Set>(set)));
  }

  // A member function, or a function whose first parameter is the object. With parameter names Python may also pass
  // keywords.
  template <class F>
    requires detail::MethodOf<T, std::decay_t<F>>
  HostObject method(std::string_view name, F&& function,
                    std::initializer_list<std::string_view> parameters = {}) const {
    std::vector<std::string> names(parameters.begin(), parameters.end());
    return HostObject(object_, members().with_method(name, detail::bind_member<T, std::decay_t<F>>(
                                                                object_, std::forward<F>(function), std::move(names))));
  }

  const std::shared_ptr<T>& get() const noexcept { return object_; }
  const std::shared_ptr<HostInstance>& instance() const noexcept { return instance_; }  // null once moved from

 private:
  HostObject(std::shared_ptr<T> object, std::shared_ptr<HostInstance> instance)
      : object_(std::move(object)), instance_(std::move(instance)) {}

  const HostInstance& members() const {
    if (!instance_) throw Error(ErrorKind::invalid, "this host_object has been moved from");
    return *instance_;
  }
  template <class Get>
  std::shared_ptr<HostCallable> getter(Get&& get) const {
    using Signature = typename detail::MethodSignature<std::decay_t<Get>>::type;
    static_assert(Signature::arity == 0, "an attribute is read without arguments");
    return detail::bind_member<T, std::decay_t<Get>>(object_, std::forward<Get>(get));
  }
  template <class Set>
  HostObject with_setter(std::string_view name, std::shared_ptr<HostCallable> get, Set set) const {
    return HostObject(object_, members().with_attribute(
                                   name, std::move(get),
                                   detail::bind_member<T, Set>(object_, std::move(set), {std::string(name)})));
  }

  std::shared_ptr<T> object_;
  std::shared_ptr<HostInstance> instance_;
};

template <class T>
HostObject<T> host_object(T& object) {
  return HostObject<T>(std::shared_ptr<T>(std::shared_ptr<void>(), std::addressof(object)));
}
template <class T>
HostObject<T> host_object(const std::shared_ptr<T>& object) {
  return HostObject<T>(object);
}
template <class T>
HostObject<T> host_object(std::shared_ptr<T>& object) {
  return HostObject<T>(object);
}
template <class T>
HostObject<T> host_object(std::shared_ptr<T>&& object) {
  return HostObject<T>(std::move(object));
}

template <class T>
struct Convert<HostObject<T>> {
  static Value to(const HostObject<T>& object) {
    if (!object.instance()) throw Error(ErrorKind::invalid, "this host_object has been moved from");
    return detail::callable_value(object.instance());
  }
};

template <class T>
std::shared_ptr<T> Object::host_ptr() const {
  static_assert(std::is_object_v<T>, "host<T>() takes the type that host_object() was given");
  auto found = detail::host_of(*this, typeid(T), std::is_const_v<T>);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): checked
  T* object = static_cast<T*>(const_cast<void*>(found.get()));
  return std::shared_ptr<T>(std::move(found), object);
}

template <class T>
T& Object::host() const {
  return *host_ptr<T>();
}

}  // namespace py4cpp
