#include "fresh_copy.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>

namespace py4cpp {

namespace {

constexpr std::uintptr_t huge_page = std::uintptr_t{2} << 20;
constexpr std::size_t least_huge = std::size_t{4} << 20;  // numpy's bound

}  // namespace

// A refusal costs only speed.
void detail::ask_for_huge_pages(void* data, std::size_t bytes) noexcept {
  if (bytes < least_huge) return;
  const auto first = reinterpret_cast<std::uintptr_t>(data);
  const std::size_t ahead = (huge_page - first % huge_page) % huge_page;
  const std::size_t whole = (bytes - ahead) / huge_page * huge_page;
  ::madvise(static_cast<std::byte*>(data) + ahead, whole, MADV_HUGEPAGE);
}

void copy_into_fresh(void* to, const void* from, std::size_t bytes) noexcept {
  detail::ask_for_huge_pages(to, bytes);
  for (std::size_t done = 0; done < bytes; done += detail::fresh_piece) {
    std::memcpy(static_cast<std::byte*>(to) + done, static_cast<const std::byte*>(from) + done,
                std::min(detail::fresh_piece, bytes - done));
  }
}

}  // namespace py4cpp
