# Not under sanitizers, which have their own idea of memory; not beside other tests, since it wants 20,000 descriptors.
if(NOT NARU_SANITIZE)
  naru_unit_test(wire.idle_memory WET SOURCES ${CMAKE_CURRENT_LIST_DIR}/idle_memory_test.c LABELS memory TIMEOUT 60)
endif()
