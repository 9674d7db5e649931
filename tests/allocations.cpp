#include "allocations.hpp"

#include <atomic>
#include <cstddef>

namespace {
std::atomic<std::uint64_t> counted{0};
}  // namespace

namespace py4cpp::test {
std::uint64_t allocations() noexcept { return counted.load(std::memory_order_relaxed); }
}  // namespace py4cpp::test

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PY4CPP_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PY4CPP_SANITIZED
#endif
#endif

#ifdef PY4CPP_SANITIZED

// Sanitizers bring a malloc of their own, which tells whoever wants to know.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, std::size_t),
                                                         void (*free_hook)(const volatile void*));

namespace {
[[maybe_unused]] const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { counted.fetch_add(1, std::memory_order_relaxed); },
    [](const volatile void*) {});
}  // namespace

#else

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);

// In place of the C library's, for this program and the libraries that it loads.
void* malloc(std::size_t size) {
  counted.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  counted.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  counted.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, size);
}
}

#endif
