# The client seen by scripted peers on its own loop.
foreach(name handshake http2 life dial proxy reconnect redirect stream tls)
  naru_unit_test(wire.client_${name} WET SOURCES client_${name}_test.c LIBS OpenSSL::SSL OpenSSL::Crypto LABELS wet)
endforeach()
naru_system_test(wire.client_real_proxies COMMAND ${NARU_PYTHON} ${PROJECT_SOURCE_DIR}/tests/wire/client_real_proxies.py
                 LABELS wire TIMEOUT 110)
