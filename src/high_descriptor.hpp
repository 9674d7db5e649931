// Descriptors of ours out of the way of what user code opens, closes or reckons with. Any thread.
#pragma once

namespace py4cpp {

// Moves the descriptor to a high number, close-on-exec. Throws Error(exhausted), the descriptor as it was.
int move_high(int descriptor);
// The same, or the descriptor as it was.
int move_high_if_possible(int descriptor) noexcept;

// An eventfd, non-blocking and close-on-exec: what wakes a thread that polls. Throws Error(exhausted).
int make_eventfd();
// Error(exhausted), by errno.
[[noreturn]] void throw_no_descriptor();

}  // namespace py4cpp
