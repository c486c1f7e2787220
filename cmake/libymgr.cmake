# libymgr.a: every library of lib/ in one archive, for programs of others. Third-party headers stay out of ours, so a program
# that uses it needs no headers but ours, and at its link what libymgr.pc and ymgr-config.cmake name.
get_property(targets DIRECTORY ${CMAKE_SOURCE_DIR}/lib PROPERTY BUILDSYSTEM_TARGETS)
set(objects "")
foreach(target ${targets})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    list(APPEND objects $<TARGET_OBJECTS:${target}>)
  endif()
endforeach()
add_library(libymgr STATIC EXCLUDE_FROM_ALL ${objects} $<TARGET_OBJECTS:ymgr_failpoint_off>)
set_target_properties(libymgr PROPERTIES OUTPUT_NAME ymgr LINKER_LANGUAGE CXX)

include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/ymgr)
configure_package_config_file(cmake/ymgr-config.cmake.in ${CMAKE_BINARY_DIR}/ymgr-config.cmake
                              INSTALL_DESTINATION ${package_folder} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/ymgr-config-version.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/libymgr.pc.in ${CMAKE_BINARY_DIR}/libymgr.pc @ONLY)

# `cmake --install BUILD --component dev`, after `ninja libymgr`.
install(FILES ${CMAKE_BINARY_DIR}/libymgr.a DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_BINARY_DIR}/ymgr-config.cmake ${CMAKE_BINARY_DIR}/ymgr-config-version.cmake DESTINATION ${package_folder}
        COMPONENT dev EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_BINARY_DIR}/libymgr.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev EXCLUDE_FROM_ALL)
# What includes a third party's headers is for our own sources alone.
install(DIRECTORY lib/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ymgr COMPONENT dev EXCLUDE_FROM_ALL
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def"
        PATTERN "openssl.hpp" EXCLUDE PATTERN "*_internal.hpp" EXCLUDE PATTERN "libpq.hpp" EXCLUDE
        PATTERN "microhttpd.hpp" EXCLUDE PATTERN "curl.hpp" EXCLUDE
        PATTERN "data" EXCLUDE PATTERN "migrations" EXCLUDE PATTERN "team" EXCLUDE)
