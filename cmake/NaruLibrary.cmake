# The libraries made of the rooms, and what is installed of them: libnaru.so and libnaru.a, the headers, a pkg-config
# file and a CMake package (naru::naru is the shared library, naru::static the other).
get_property(dry_objects GLOBAL PROPERTY NARU_DRY_OBJECTS)
get_property(wet_objects GLOBAL PROPERTY NARU_WET_OBJECTS)
get_property(naru_libs GLOBAL PROPERTY NARU_LIBS)
list(REMOVE_DUPLICATES naru_libs)
if(NOT dry_objects)
  message(FATAL_ERROR "No room has sources: NARU_ROOMS is '${NARU_ROOMS}'")
endif()

# Never installed: it is what tests/house looks at to see that the dry rooms are dry.
add_library(naru_dry STATIC ${dry_objects})
set_target_properties(naru_dry PROPERTIES LINKER_LANGUAGE C)

add_library(naru_static STATIC ${dry_objects} ${wet_objects})
set_target_properties(naru_static PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME naru EXPORT_NAME static)

# Until 1.0 the second number of the version is the one that breaks: then SOVERSION follows it.
set(map ${PROJECT_SOURCE_DIR}/src/naru.map)
add_library(naru_shared SHARED ${dry_objects} ${wet_objects})
set_target_properties(naru_shared PROPERTIES
  LINKER_LANGUAGE C OUTPUT_NAME naru EXPORT_NAME naru
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINK_DEPENDS ${map})
target_link_options(naru_shared PRIVATE -Wl,--version-script=${map} -Wl,-Bsymbolic-functions)
target_link_options(naru_shared PRIVATE ${NARU_LTO_FLAGS})
if(NOT NARU_SANITIZE)
  target_link_options(naru_shared PRIVATE -Wl,-z,defs)
endif()

foreach(library naru_static naru_shared)
  target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${library} PRIVATE $<BUILD_INTERFACE:naru_flags> ${naru_libs})
endforeach()
add_library(naru::naru ALIAS naru_shared)
add_library(naru::static ALIAS naru_static)

# ---- install ---------------------------------------------------------------------------------------------------------

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/naru)

# Two export sets, so that who links the shared library needs nobody else's headers.
foreach(kind shared static)
  install(TARGETS naru_${kind} EXPORT naru_${kind})
  install(EXPORT naru_${kind} NAMESPACE naru:: FILE naru-${kind}-targets.cmake DESTINATION ${package_dir})
endforeach()
install(DIRECTORY include/naru DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

configure_package_config_file(cmake/naru-config.cmake.in naru-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(naru-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/naru-config.cmake ${PROJECT_BINARY_DIR}/naru-config-version.cmake
        DESTINATION ${package_dir})

# A distribution's LIBDIR may be absolute; then it is taken as it stands.
cmake_path(APPEND pc_libdir "\${exec_prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file(cmake/naru.pc.in naru.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/naru.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
