# Socket.IO by the server's own account; from the outside it is looked at in tests/socketio.
naru_unit_test(wire.socketio_memory WET SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/socketio_memory_test.c TIMEOUT 120)
