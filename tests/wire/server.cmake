# The server seen by raw sockets in its own thread.
foreach(part abuse body count files given keep memory peer route status stop time upgrade)
  naru_unit_test(wire.server_${part} WET SOURCES server_${part}_test.c LABELS wet)
endforeach()
foreach(part listen tls)
  naru_unit_test(wire.server_${part} WET SOURCES server_${part}_test.c LIBS OpenSSL::SSL OpenSSL::Crypto LABELS wet)
endforeach()
