# Raw sockets against `naru echo`: the handshake and the frames, with the standard library of Python only.
foreach(part handshake frames)
  naru_system_test(wire.raw_${part} COMMAND ${NARU_PYTHON} ${PROJECT_SOURCE_DIR}/tests/wire/raw_${part}.py LABELS wire
                   TIMEOUT 110)
endforeach()
