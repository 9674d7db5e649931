# How sources are compiled: warnings, sanitizers, compiler cache, linker. `py4cpp_compile(target)` applies the house
# rules to a target of ours; nothing here reaches a user's targets, or the project that includes us.

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

  # Paths are taken relative to the source tree and build directories are left out of the hash, so that a second clone
  # finds what the first one compiled. The sloppiness is what ccache asks for with precompiled headers.
  find_program(PY4CPP_CCACHE ccache)
  mark_as_advanced(PY4CPP_CCACHE)
  if(PY4CPP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${PY4CPP_CCACHE})
  endif()
endif()

# A faster linker where there is one.
include(CheckLinkerFlag)
foreach(linker lld gold)
  check_linker_flag(CXX -fuse-ld=${linker} PY4CPP_HAS_${linker})
  if(PY4CPP_HAS_${linker})
    set(PY4CPP_LINKER -fuse-ld=${linker})
    break()
  endif()
endforeach()

# GCC 12 sees paths through the standard library and Boost that don't exist, the more so in instrumented code.
set(PY4CPP_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Woverloaded-virtual
  $<IF:$<CXX_COMPILER_ID:GNU>,-Wshadow=local,-Wshadow>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-maybe-uninitialized;-Wno-restrict;-Wno-stringop-overflow>)
set(PY4CPP_SANITIZER_FLAGS "")
if(PY4CPP_SANITIZE)
  list(JOIN PY4CPP_SANITIZE "," PY4CPP_SANITIZER_FLAGS)
  # Without vptr: that check probes memory through a pipe of its own, and without descriptors sees errors everywhere.
  set(PY4CPP_SANITIZER_FLAGS -fsanitize=${PY4CPP_SANITIZER_FLAGS} -fno-sanitize=vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
endif()

# Thread-local variables, of which our libraries have less than 300 bytes, are found without a call of the loader's.
set(PY4CPP_THREAD_LOCALS -ftls-model=initial-exec)

# py4cpp_compile(target [UNSANITIZED]): the flags of all our targets. UNSANITIZED is for what a plain interpreter loads.
function(py4cpp_compile target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_compile_options(${target} PRIVATE ${PY4CPP_WARNINGS} $<$<BOOL:${PY4CPP_WARNINGS_AS_ERRORS}>:-Werror>
    ${PY4CPP_THREAD_LOCALS})
  target_link_options(${target} PRIVATE ${PY4CPP_LINKER})
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(PY4CPP_SANITIZE AND NOT "UNSANITIZED" IN_LIST ARGN)
    target_compile_options(${target} PRIVATE ${PY4CPP_SANITIZER_FLAGS})
    target_link_options(${target} PRIVATE ${PY4CPP_SANITIZER_FLAGS})
  endif()
endfunction()

# py4cpp_program(target sources...): an executable of ours: a test, an example or a benchmark.
function(py4cpp_program target)
  add_executable(${target} ${ARGN})
  py4cpp_compile(${target})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin
    LINK_DEPENDS_NO_SHARED ON)
endfunction()
