# Not under sanitizers, which have their own idea of memory; not beside other tests, since it wants 20,000 descriptors.
if(NOT NARU_SANITIZE)
  naru_unit_test(wire.idle_memory WET SOURCES ${CMAKE_CURRENT_LIST_DIR}/idle_memory_test.c LABELS memory TIMEOUT 60)
endif()

# A message of 64 MiB each way; of 10 GiB by `make soak`, which takes a while.
set(unmeasured)
if(NARU_SANITIZE)
  set(unmeasured unmeasured)
endif()
naru_unit_test(wire.huge_message WET SOURCES ${CMAKE_CURRENT_LIST_DIR}/huge_message_test.c ARGS 64 ${unmeasured}
               LABELS memory)
if(TARGET test_wire_huge_message)
  add_test(NAME ${NARU_TEST_PREFIX}wire.soak COMMAND test_wire_huge_message 10240 CONFIGURATIONS soak)
  set_tests_properties(${NARU_TEST_PREFIX}wire.soak PROPERTIES LABELS soak TIMEOUT 1800)
endif()
