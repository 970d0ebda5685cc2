# The server seen by raw sockets in its own thread.
foreach(name status)
  naru_unit_test(wire.server_${name} WET SOURCES server_${name}_test.c LABELS wet)
endforeach()
