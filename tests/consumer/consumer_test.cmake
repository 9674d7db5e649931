# Installs the build to a prefix, moves that, then builds and runs the project against it. See CMakeLists.txt for what
# is passed in. The program must use the package of the moved copy, not the one of the build tree.
cmake_minimum_required(VERSION 3.25)
set(project ${CMAKE_CURRENT_LIST_DIR}/project)
set(first ${work}/first)
set(prefix ${work}/moved/here)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(run_consumer program)
  set(ENV{PY4CPP_PYTHON} ${python})
  execute_process(COMMAND ${program} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  file(REAL_PATH ${prefix} real_prefix)
  string(FIND "${output}" "${real_prefix}/" position)
  if(NOT position EQUAL 0)
    message(FATAL_ERROR "${program} did not use the package in ${real_prefix}, but ${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${work})
run(${CMAKE_COMMAND} --install ${build} --prefix ${first})
file(MAKE_DIRECTORY ${work}/moved)
file(RENAME ${first} ${prefix})

run(${CMAKE_COMMAND} -S ${project} -B ${work}/build -G ${generator} -D CMAKE_CXX_COMPILER=${compiler}
  -D CMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${work}/build)
run_consumer(${work}/build/consumer)

if(pkg_config)
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${libdir}/pkgconfig)
  execute_process(COMMAND ${pkg_config} --cflags --libs py4cpp OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${compiler} ${project}/main.cpp -o ${work}/consumer ${flags} -Wl,-rpath,${prefix}/${libdir})
  run_consumer(${work}/consumer)
endif()
