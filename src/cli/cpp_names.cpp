#include "cpp_names.hpp"

#include <array>
#include <cctype>
#include <utility>

namespace py4cpp::cli {

namespace {

// Keywords of C++20 and C++23, words with a meaning to the compiler in some place, and names that the system's headers
// define as macros or that a global C function has in the way.
const std::set<std::string_view>& reserved() {
  static const std::set<std::string_view> words = {
      "alignas", "alignof", "and", "and_eq", "asm", "atomic_cancel", "atomic_commit", "atomic_noexcept", "auto",
      "bitand", "bitor", "bool", "break", "case", "catch", "char", "char8_t", "char16_t", "char32_t", "class", "compl",
      "concept", "const", "consteval", "constexpr", "constinit", "const_cast", "continue", "co_await", "co_return",
      "co_yield", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "export",
      "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new",
      "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected", "public", "reflexpr",
      "register", "reinterpret_cast", "requires", "return", "short", "signed", "sizeof", "static", "static_assert",
      "static_cast", "struct", "switch", "synchronized", "template", "this", "thread_local", "throw", "true", "try",
      "typedef", "typeid", "typename", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while",
      "xor", "xor_eq",
      // macros
      "assert", "errno", "linux", "unix", "i386", "major", "minor", "makedev", "offsetof", "setjmp", "stdin", "stdout",
      "stderr", "va_arg", "va_start", "va_end", "va_copy", "signbit", "isnan", "isinf", "isfinite", "isnormal",
      "fpclassify", "isgreater", "isless", "isunordered", "complex", "imaginary"};
  return words;
}

bool is(int (*test)(int), char letter) { return test(static_cast<unsigned char>(letter)) != 0; }

}  // namespace

std::string snake_case(std::string_view name) {
  std::string snake;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char letter = name[i];
    if (is(std::isupper, letter) && i > 0 && name[i - 1] != '_') {
      const bool after_small = !is(std::isupper, name[i - 1]);
      const bool begins_word = i + 1 < name.size() && is(std::islower, name[i + 1]);
      // "nSplits", and the S of "CVSplitter"; not the D of "2D" or "Conv2D".
      if (begins_word || (after_small && !is(std::isdigit, name[i - 1]))) snake += '_';
    }
    if (static_cast<unsigned char>(letter) >= 0x80) {
      constexpr std::string_view hex = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(letter);
      snake += {'x', hex[byte >> 4U], hex[byte & 15U]};
    } else if (letter != '_' || snake.empty() || snake.back() != '_') {  // two in a row are the compiler's
      snake += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
  }
  return snake;
}

std::string CppNames::add(std::string_view name) {
  std::string base = snake_case(name);
  if (base.empty() || base == "_" || is(std::isdigit, base[0])) base = "n" + base;
  if (reserved().contains(base)) base += '_';
  std::string unique = base;
  for (int number = 2; !taken_.insert(unique).second; ++number) {
    unique = base + (base.back() == '_' ? "" : "_") + std::to_string(number);
  }
  return unique;
}

std::string cpp_literal(std::string_view text) {
  std::string literal = "\"";
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      literal += {'\\', letter};
    } else if (byte >= 0x20 && byte < 0x7F && letter != '?') {  // "??=" and its like once were trigraphs
      literal += letter;
    } else {
      literal += {'\\', static_cast<char>('0' + (byte >> 6U)), static_cast<char>('0' + ((byte >> 3U) & 7U)),
                  static_cast<char>('0' + (byte & 7U))};
    }
  }
  return literal + '"';
}

}  // namespace py4cpp::cli
