naru_unit_test(wire.engineio_hooks WET SOURCES ${CMAKE_CURRENT_LIST_DIR}/engineio_hooks_test.c)
naru_unit_test(wire.engineio_shared WET SOURCES ${CMAKE_CURRENT_LIST_DIR}/engineio_shared_test.c)
naru_unit_test(wire.engineio_memory WET SOURCES ${CMAKE_CURRENT_LIST_DIR}/engineio_memory_test.c)
