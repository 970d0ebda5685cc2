# The client seen by scripted peers on its own loop.
foreach(name handshake life dial proxy redirect)
  naru_unit_test(wire.client_${name} WET SOURCES client_${name}_test.c LIBS OpenSSL::SSL OpenSSL::Crypto LABELS wet)
endforeach()
