# The server seen by raw sockets in its own thread.
foreach(part abuse bad body budget count crew files given keep line memory peer route status stop time upgrade)
  naru_unit_test(wire.server_${part} WET SOURCES server_${part}_test.c LABELS wet)
endforeach()
foreach(part listen tls)
  naru_unit_test(wire.server_${part} WET SOURCES server_${part}_test.c LIBS OpenSSL::SSL OpenSSL::Crypto LABELS wet
    TIMEOUT 300)
endforeach()
naru_unit_test(wire.server_http2 WET SOURCES server_http2_test.c LIBS PkgConfig::NGHTTP2 LABELS wet)
# Server processes that follow each other; a few times, and often.
naru_unit_test(wire.server_succession WET SOURCES server_succession_test.c ARGS 3 LABELS wet)
naru_unit_test(wire.server_succession_often WET SOURCES server_succession_test.c ARGS 20 LABELS wet faults)
# The one test of many reloads again, by a name and a label of its own.
naru_unit_test(wire.server_tls_reload WET SOURCES server_tls_test.c LIBS OpenSSL::SSL OpenSSL::Crypto
  ARGS "two hundred reloads under load" LABELS wet faults)
# The library's default allocator is the test's own.
if(TARGET test_wire_server_crew)
  target_link_options(test_wire_server_crew PRIVATE -Wl,--wrap=naru_loop_post)
endif()
naru_unit_test(wire.server_scarce WET ONE_BACKEND SOURCES server_scarce_test.c LABELS wet)
target_link_options(test_wire_server_scarce PRIVATE -Wl,--wrap=naru_allocator_default)
