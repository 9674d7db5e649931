// Whether the library may be unloaded: threads of its own may run, on code that must stay.
#include <gtest/gtest.h>

#include <elf.h>
#include <link.h>

#include <string_view>

namespace py4cpp::test {
namespace {

struct Found {
  bool library = false;
  bool stays = false;
};

int look_at(dl_phdr_info* object, std::size_t, void* result) {
  if (std::string_view(object->dlpi_name).find("libpy4cpp.so") == std::string_view::npos) return 0;
  auto& found = *static_cast<Found*>(result);
  found.library = true;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    if (part.p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object->dlpi_addr + part.p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_FLAGS_1) found.stays = (entry->d_un.d_val & DF_1_NODELETE) != 0;
    }
  }
  return 1;
}

}  // namespace

TEST(Unloading, APluginThatIsClosedLeavesTheLibrary) {
  Found found;
  dl_iterate_phdr(look_at, &found);
  ASSERT_TRUE(found.library);
  EXPECT_TRUE(found.stays);
}

}  // namespace py4cpp::test
