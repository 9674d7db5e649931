# What `cmake --install` lays down. It may be moved afterwards: the CMake and pkg-config files find their prefix from
# where they lie, and the library finds its Python package from where it lies itself.
include(CMakePackageConfigHelpers)
set(PY4CPP_INSTALL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/py4cpp)

install(TARGETS py4cpp EXPORT py4cppTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/py4cpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(EXPORT py4cppTargets NAMESPACE py4cpp:: DESTINATION ${PY4CPP_INSTALL_CMAKE_DIR})

configure_package_config_file(cmake/py4cppConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/py4cppConfig.cmake
  INSTALL_DESTINATION ${PY4CPP_INSTALL_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/py4cppConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/py4cppConfig.cmake ${PROJECT_BINARY_DIR}/cmake/py4cppConfigVersion.cmake
  DESTINATION ${PY4CPP_INSTALL_CMAKE_DIR})

# pkg-config's ${pcfiledir} is where the .pc file lies.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH PY4CPP_PC_PREFIX /${pkgconfig_dir} /)
configure_file(cmake/py4cpp.pc.in ${PROJECT_BINARY_DIR}/cmake/py4cpp.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cmake/py4cpp.pc DESTINATION ${pkgconfig_dir})
