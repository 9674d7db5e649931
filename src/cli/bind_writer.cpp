#include "bind_writer.hpp"

#include "cpp_names.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace py4cpp::cli {

namespace {

std::string text(const Value& value, const char* key) { return value[key].as<std::string>(); }

// A docstring as a comment.
void write_doc(std::string& out, std::string_view doc, std::string_view indent) {
  std::string line;
  const auto flush = [&] {
    while (!line.empty() && line.back() == ' ') line.pop_back();
    if (!line.empty() && line.back() == '\\') line += " .";  // a backslash would take the next line into the comment
    out.append(indent).append(line.empty() ? "//" : "// ").append(line).append("\n");
    line.clear();
  };
  for (std::size_t i = 0; i < doc.size(); ++i) {
    const auto byte = static_cast<unsigned char>(doc[i]);
    if (doc[i] == '\n')
      flush();
    else if (doc[i] == '\t')
      line += "  ";
    // Marks that change the direction of writing begin with these bytes; compilers warn of them.
    else if (doc.substr(i).starts_with("\xE2\x80") || doc.substr(i).starts_with("\xE2\x81"))
      i += 2;
    else if (byte >= 0x20 && byte != 0x7F)
      line += doc[i];
  }
  if (!line.empty()) flush();
}

// A value as a C++ expression; none if it has no short one.
std::optional<std::string> expression(const Value& value) {
  if (const bool* truth = value.get_if<bool>()) return *truth ? "true" : "false";
  if (const auto* number = value.get_if<std::int64_t>()) {
    if (*number == INT64_MIN) return std::nullopt;
    const bool is_long = *number > INT32_MAX || *number < INT32_MIN;
    return std::to_string(*number) + (is_long ? "LL" : "");
  }
  if (const auto* number = value.get_if<double>()) {
    if (std::isnan(*number)) return "::std::numeric_limits<double>::quiet_NaN()";
    if (std::isinf(*number)) return std::string(*number < 0 ? "-" : "") + "::std::numeric_limits<double>::infinity()";
    char buffer[64];
    const auto written = std::to_chars(buffer, buffer + sizeof buffer, *number);
    std::string digits(buffer, written.ptr);
    return digits.find_first_of(".e") == std::string::npos ? digits + ".0" : digits;
  }
  if (value.kind() == Kind::string && value.text().find('\0') == std::string_view::npos) {
    return cpp_literal(value.text());
  }
  return std::nullopt;
}

struct Parameter {
  std::string name;  // Python's
  std::string cpp_name;
  bool by_keyword = true;
  std::string type;      // of a field
  std::string fallback;  // its default; empty: none that can be written
};

// The type and the default of a field.
void describe_field(const Value& description, Parameter& field) {
  field.type = "::std::optional<::py4cpp::Value>";
  const Value given = description["default"];
  if (given.is<None>() || !field.by_keyword) return;
  const Value value = given[0];
  const auto written = expression(value);
  if (!written) return;
  const std::string hint = text(description, "type");
  field.fallback = *written;
  if (value.is<bool>() && (hint.empty() || hint == "bool")) {
    field.type = "bool";
  } else if (value.is<std::int64_t>() && hint == "int") {
    field.type = "::std::int64_t";
  } else if (hint == "float" && (value.is<double>() || value.is<std::int64_t>())) {
    field.type = "double";
  } else if (value.kind() == Kind::string && hint == "str") {
    field.type = "::std::string";
  } else {
    field.type = "::py4cpp::Value";
  }
}

class Entry {
 public:
  Entry(const Value& description, std::string cpp_name, std::string args_name)
      : name_(text(description, "name")),
        cpp_name_(std::move(cpp_name)),
        args_name_(std::move(args_name)),
        result_(text(description, "kind") == "class" ? "::py4cpp::Object" : "::py4cpp::Value"),
        doc_(text(description, "doc")),
        rest_(text(description, "kind") == "unknown") {
    CppNames names({"options_", "more_", "call_"});
    CppNames fields;
    for (const Value& parameter : description["parameters"].as<List>()) {
      const std::string kind = text(parameter, "kind");
      if (kind == "rest")
        rest_ = true;
      else if (kind == "keywords")
        keywords_ = true;
      else
        add(parameter, kind == "option" ? fields : names, kind == "option" ? options_ : positional_);
    }
  }

  static std::string value(const Value& description, const std::string& cpp_name) {
    const std::string type = text(description, "type");
    const std::string cpp = type == "bool"    ? "bool"
                            : type == "int"   ? "::std::int64_t"
                            : type == "float" ? "double"
                                              : "::std::string";
    return "template <class R = " + cpp + ">\nR " + cpp_name + "() {\n  return py4cpp_binding_().template value<R>(" +
           cpp_literal(text(description, "name")) + ");\n}\n\n";
  }

  std::string written() const {
    std::string out;
    if (!options_.empty()) write_struct(out);
    write_doc(out, doc_, "");
    write_function(out, !options_.empty(), rest_ || keywords_);
    // With options and more arguments, the options may also be left out.
    if (!options_.empty() && (rest_ || keywords_)) write_function(out, false, true);
    return out;
  }

 private:
  static void add(const Value& description, CppNames& names, std::vector<Parameter>& to) {
    Parameter parameter;
    parameter.name = text(description, "name");
    parameter.cpp_name = names.add(parameter.name);
    parameter.by_keyword = description["by_keyword"].as<bool>();
    if (text(description, "kind") == "option") describe_field(description, parameter);
    to.push_back(std::move(parameter));
  }

  void write_struct(std::string& out) const {
    out += "struct " + args_name_ + " {\n";
    for (const Parameter& field : options_) {
      out +=
          "  " + field.type + " " + field.cpp_name + (field.fallback.empty() ? "{}" : " = " + field.fallback) + ";\n";
    }
    out += "};\n\n";
  }

  void write_function(std::string& out, bool with_options, bool with_more) const {
    out += "template <class R = " + result_;
    for (std::size_t i = 0; i < positional_.size(); ++i) out += ", ::py4cpp::ToPython T" + std::to_string(i + 1);
    if (with_more) out += ", class... More";
    out += ">\n";
    if (with_more) {
      out += rest_ ? "  requires(::py4cpp::Argument<More> && ...)\n"
                   : "  requires(::py4cpp::detail::NamedArgument<More> && ...)\n";
    }
    out += "R " + cpp_name_ + "(";
    std::string separator;
    for (std::size_t i = 0; i < positional_.size(); ++i) {
      out += separator + "T" + std::to_string(i + 1) + "&& " + positional_[i].cpp_name;
      separator = ", ";
    }
    if (with_options) {
      out += separator + args_name_ + " options_" + (with_more ? "" : " = {}");
      separator = ", ";
    }
    if (with_more) out += separator + "More&&... more_";
    out += ") {\n  ::py4cpp::BoundCall call_(py4cpp_binding_(), " + cpp_literal(name_) + ");\n";
    write_arguments(out, with_options);
    if (with_more) out += "  (call_.more(::std::forward<More>(more_)), ...);\n";
    out += "  return call_.template call<R>();\n}\n\n";
  }

  void write_arguments(std::string& out, bool with_options) const {
    for (std::size_t i = 0; i < positional_.size(); ++i) {
      const std::string forward = "::std::forward<T" + std::to_string(i + 1) + ">(" + positional_[i].cpp_name + ")";
      out += "  call_.positional(" + forward + ");\n";
    }
    for (const Parameter& field : with_options ? options_ : std::vector<Parameter>()) {
      const std::string where = cpp_literal(field.name) + ", options_." + field.cpp_name;
      if (!field.by_keyword)
        out += "  call_.positional_option(" + where + ");\n";
      else if (field.fallback.empty())
        out += "  call_.option(" + where + ");\n";
      else
        out += "  call_.option(" + where + ", " + field.fallback + ");\n";
    }
  }

  std::string name_, cpp_name_, args_name_, result_, doc_;
  bool rest_ = false, keywords_ = false;
  std::vector<Parameter> positional_, options_;
};

// Names that are snake_case already keep it; the others make room for them.
std::vector<std::pair<Value, std::string>> named(const List& entries, CppNames& names) {
  std::vector<std::pair<Value, std::string>> result;
  for (const Value& entry : entries) result.emplace_back(entry, "");
  for (const bool first : {true, false}) {
    for (auto& [entry, name] : result) {
      const std::string python_name = text(entry, "name");
      if ((snake_case(python_name) == python_name) == first) name = names.add(python_name);
    }
  }
  return result;
}

void write_module(std::string& out, const BoundModule& module) {
  const auto name = module.description[0].as<std::string>();
  CppNames names({"bind", "py4cpp_binding_"});
  out += "\nnamespace " + module.name_space + " {\n\n";
  write_doc(out, module.description[1].as<std::string>(), "");
  out += "\ninline ::py4cpp::Binding& py4cpp_binding_() {\n  static ::py4cpp::Binding binding(" + cpp_literal(name) +
         ", " + cpp_literal(module.name_space + "::bind") + ");\n  return binding;\n}\n\n";
  out += "// The functions below run in this Python from now on. Throws what importing " + name + " raises.\n";
  out += "inline void bind(const ::py4cpp::Python& python) { py4cpp_binding_().to(python); }\n\n";
  const auto entries = named(module.description[2].as<List>(), names);
  for (const auto& [entry, cpp_name] : entries) {
    if (text(entry, "kind") == "value")
      out += Entry::value(entry, cpp_name);
    else
      out += Entry(entry, cpp_name, names.add(cpp_name + "_args")).written();
  }
  out += "}  // namespace " + module.name_space + "\n";
}

}  // namespace

std::string bound_header(const std::vector<BoundModule>& modules) {
  std::string out = "// Written by `py4cpp bind";
  for (const BoundModule& module : modules) out += " " + module.description[0].as<std::string>();
  out +=
      "`: Python's functions and classes as C++ functions; do not edit.\n"
      "// Arguments with defaults are the fields of a struct, for designated initialisers: f(x, {.option = 1}).\n"
      "#pragma once\n\n"
      "#include <py4cpp/binding.hpp>\n#include <py4cpp/py4cpp.hpp>\n\n"
      "#include <cstdint>\n#include <limits>\n#include <optional>\n#include <string>\n#include <utility>\n";
  for (const BoundModule& module : modules) write_module(out, module);
  return out;
}

}  // namespace py4cpp::cli
