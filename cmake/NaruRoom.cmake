# naru_room(NAME DRY|WET SOURCES file... [LIBS target...]): one room of src/, as the object library naru_room_<name>.
#
# A dry room is compiled as plain C17, so a system call does not even have a prototype; a wet one sees the whole of
# glibc (_GNU_SOURCE). LIBS are other people's libraries that this room calls; the libraries made of it inherit them.
function(naru_room name kind)
  cmake_parse_arguments(PARSE_ARGV 2 room "" "" "SOURCES;LIBS")
  if(NOT kind MATCHES "^(DRY|WET)$" OR room_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "naru_room(${name} DRY|WET SOURCES ... [LIBS ...]): not understood")
  endif()
  if(NOT room_SOURCES)
    return()
  endif()
  set(target naru_room_${name})
  add_library(${target} OBJECT ${room_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE naru_flags ${room_LIBS})
  target_compile_options(${target} PRIVATE ${NARU_LTO_FLAGS})
  if(kind STREQUAL "WET")
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  endif()
  set_property(GLOBAL APPEND PROPERTY NARU_${kind}_OBJECTS $<TARGET_OBJECTS:${target}>)
  set_property(GLOBAL APPEND PROPERTY NARU_LIBS ${room_LIBS})
endfunction()

# naru_program(name SOURCES file... [LIBS target...]): a program that is installed. It sees the public headers only, and
# carries libnaru inside, so that it runs wherever it is copied; with NARU_SHARED_APPS it needs libnaru.so instead.
function(naru_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  add_executable(${name} ${arg_SOURCES})
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE $<IF:$<BOOL:${NARU_SHARED_APPS}>,naru_shared,naru_static> naru_flags ${arg_LIBS})
  target_compile_options(${name} PRIVATE ${NARU_LTO_FLAGS})
  target_link_options(${name} PRIVATE ${NARU_LTO_FLAGS})
  install(TARGETS ${name})
endfunction()
