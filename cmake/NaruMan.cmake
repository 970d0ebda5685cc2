# The manual: docs/man as it stands, and the pages of the public headers, which tools/headers-to-man makes of their comments.
# Without Python 3 those are left out; nothing else of a build needs it.
find_program(NARU_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH DOC "The Python that has Debian's modules")
find_program(NARU_PYTHON python3)

foreach(section 1 3)
  install(DIRECTORY docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} FILES_MATCHING PATTERN "*.${section}")
endforeach()
if(NOT NARU_PYTHON)
  message(STATUS "No python3: the manual pages of the headers are not made")
  return()
endif()

set(man_dir ${PROJECT_BINARY_DIR}/man3)
file(GLOB man_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/naru/*.h
     ${PROJECT_SOURCE_DIR}/include/naru/adapters/*.h)
add_custom_command(
  OUTPUT ${man_dir}.stamp
  COMMAND ${NARU_PYTHON} ${PROJECT_SOURCE_DIR}/tools/headers-to-man ${man_headers} --out ${man_dir}
  COMMAND ${CMAKE_COMMAND} -E touch ${man_dir}.stamp
  DEPENDS ${man_headers} ${PROJECT_SOURCE_DIR}/tools/headers-to-man
  VERBATIM)
add_custom_target(naru_man ALL DEPENDS ${man_dir}.stamp)
install(DIRECTORY ${man_dir}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 FILES_MATCHING PATTERN "*.3")
