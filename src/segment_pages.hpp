// How a new segment comes by its pages: all of them are there before anybody uses it, so that no write can fail, which
// would be a SIGBUS, and mapped, so that none faults; in units of 2 MiB as far as the system can. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace py4cpp {

enum class PageChoice {
  soon,  // whichever are there sooner
  large  // of 2 MiB, though it may take longer: for what is used again and again
};

std::uint64_t file_system_room() noexcept;  // bytes free in /dev/shm

// These return an errno value, 0 if all went well. The object is new and empty; `spare` bytes of /dev/shm must stay
// free. Its pages come at the next step.
int set_size(int descriptor, std::size_t bytes, std::uint64_t spare) noexcept;
// `data` is a mapping of the whole object, in which no page has been touched.
int provide_pages(int descriptor, std::byte* data, std::size_t bytes, PageChoice choice) noexcept;

// A run of addresses that starts where pages of 2 MiB can be mapped, for a mapping to be put over it.
class HugeAlignedRoom {
 public:
  explicit HugeAlignedRoom(std::size_t bytes) noexcept;  // none where there isn't that much, or it is too little
  ~HugeAlignedRoom();                                    // what hasn't been taken is free again
  HugeAlignedRoom(const HugeAlignedRoom&) = delete;
  HugeAlignedRoom& operator=(const HugeAlignedRoom&) = delete;

  std::byte* start() const noexcept { return start_; }  // null: none
  void taken() noexcept { is_taken_ = true; }           // something is mapped there

 private:
  std::byte* whole_ = nullptr;
  std::size_t whole_bytes_ = 0;
  std::byte* start_ = nullptr;
  std::size_t bytes_ = 0;
  bool is_taken_ = false;
};

}  // namespace py4cpp
