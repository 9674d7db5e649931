# Builds and runs a user's project: against an installed copy that was moved (kind=installed), or with the sources in it
# (kind=sources), first as a subdirectory, then by FetchContent. See CMakeLists.txt for what is passed in. The program
# must use the Python package that belongs to the library it was built with, and no other.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# The program prints where the worker found its package.
function(run_consumer program root)
  set(ENV{PY4CPP_PYTHON} ${python})
  execute_process(COMMAND ${program} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  file(REAL_PATH ${root} real_root)
  string(FIND "${output}" "${real_root}/" position)
  if(NOT position EQUAL 0)
    message(FATAL_ERROR "${program} did not use the package in ${real_root}, but ${output}")
  endif()
endfunction()

function(build_project project)
  run(${CMAKE_COMMAND} -S ${project} -B ${work}/build -G ${generator} -D CMAKE_CXX_COMPILER=${compiler} ${ARGN})
  run(${CMAKE_COMMAND} --build ${work}/build --target consumer -j 2)
endfunction()

file(REMOVE_RECURSE ${work})
if(kind STREQUAL installed)
  set(prefix ${work}/moved/here)
  run(${CMAKE_COMMAND} --install ${build} --prefix ${work}/first)
  file(MAKE_DIRECTORY ${work}/moved)
  file(RENAME ${work}/first ${prefix})
  build_project(${CMAKE_CURRENT_LIST_DIR}/project -D CMAKE_PREFIX_PATH=${prefix})
  run_consumer(${work}/build/consumer ${prefix})
  if(pkg_config)
    set(ENV{PKG_CONFIG_PATH} ${prefix}/${libdir}/pkgconfig)
    execute_process(COMMAND ${pkg_config} --cflags --libs py4cpp OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(flags UNIX_COMMAND "${flags}")
    run(${compiler} ${CMAKE_CURRENT_LIST_DIR}/project/main.cpp -o ${work}/consumer ${flags}
      -Wl,-rpath,${prefix}/${libdir})
    run_consumer(${work}/consumer ${prefix})
  endif()
else()
  # The whole library once more: kept by the compiler cache, where there is one, as in cmake/Toolchain.cmake.
  set(ENV{CCACHE_BASEDIR} ${source})
  set(ENV{CCACHE_NOHASHDIR} 1)
  set(ENV{CCACHE_SLOPPINESS} pch_defines,time_macros,include_file_mtime,include_file_ctime)
  foreach(kind subdirectory fetched)  # in one build tree: what the first compiles serves the second
    build_project(${CMAKE_CURRENT_LIST_DIR}/sources -D KIND=${kind} -D PY4CPP_SOURCES=${source}
      -D CMAKE_CXX_COMPILER_LAUNCHER=${ccache})
    run_consumer(${work}/build/consumer ${work}/build)
  endforeach()
endif()
