# The server seen by raw sockets in its own thread.
foreach(part abuse files keep memory peer route status stop time upgrade)
  naru_unit_test(wire.server_${part} WET SOURCES server_${part}_test.c LABELS wet)
endforeach()
naru_unit_test(wire.server_listen WET SOURCES server_listen_test.c LIBS OpenSSL::SSL LABELS wet)
