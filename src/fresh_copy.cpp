#include "fresh_copy.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>

namespace py4cpp {

namespace {

constexpr std::size_t least_large = std::size_t{4} << 20;  // numpy's bound

}  // namespace

FreshPieces::FreshPieces(void* data, std::size_t bytes) noexcept
    : at_(static_cast<std::byte*>(data)), left_(bytes), large_(bytes >= least_large) {}

// Up to the next page of 2 MiB that can be asked for, but for a byte: a string writes its NUL behind each piece, which
// would be the first to touch that page. A refusal costs only speed.
std::size_t FreshPieces::next() noexcept {
  if (asked_) pace_.done();
  asked_ = false;
  const std::size_t into_page = (reinterpret_cast<std::uintptr_t>(at_) + 1) % huge_page;
  const std::size_t piece = std::min(left_, huge_page - into_page);
  if (large_ && piece == huge_page && pace_.worth_it()) {
    ::madvise(at_ + 1, huge_page, MADV_HUGEPAGE);
    asked_ = true;
  }
  at_ += piece;
  left_ -= piece;
  return piece;
}

void copy_into_fresh(void* to, const void* from, std::size_t bytes) noexcept {
  auto* target = static_cast<std::byte*>(to);
  const auto* source = static_cast<const std::byte*>(from);
  FreshPieces pieces(to, bytes);
  while (const std::size_t piece = pieces.next()) {
    std::memcpy(target, source, piece);
    target += piece;
    source += piece;
  }
}

}  // namespace py4cpp
