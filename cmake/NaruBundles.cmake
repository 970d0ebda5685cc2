# The scripts of npm's socket.io-client, which a Socket.IO server gives to browsers, as a C file of the build. Where they come
# from: NARU_SOCKETIO_CLIENT, a folder with package.json and dist/. Without it the file is there and holds none.
set(NARU_SOCKETIO_CLIENT ${PROJECT_SOURCE_DIR}/tests/node_modules/socket.io-client CACHE PATH
    "npm's socket.io-client, whose scripts libnaru carries and serves")

function(naru_socketio_bundles out)
  set(names socket.io.js socket.io.min.js socket.io.esm.min.js socket.io.msgpack.min.js)
  set(text "/* Made by cmake/NaruBundles.cmake. */\n#include \"socketio_server/bundles.h\"\n\n")
  set(entries "")
  set(files "")
  set(count 0)
  set(version "none")
  if(EXISTS ${NARU_SOCKETIO_CLIENT}/package.json)
    file(READ ${NARU_SOCKETIO_CLIENT}/package.json package)
    string(JSON version GET "${package}" version)
    foreach(script IN LISTS names)
      foreach(name ${script} ${script}.map)
        set(file ${NARU_SOCKETIO_CLIENT}/dist/${name})
        if(EXISTS ${file})
          set(symbol naru__sio_bundle_${count})
          string(APPEND text "__asm__(\".pushsection .rodata\\n.hidden ${symbol}\\n.global ${symbol}\\n${symbol}:\\n"
                             ".incbin \\\"${file}\\\"\\n.hidden ${symbol}_end\\n.global ${symbol}_end\\n${symbol}_end:\\n"
                             ".byte 0\\n.popsection\\n\");\n"
                             "extern const uint8_t ${symbol}[], ${symbol}_end[];\n")
          string(APPEND entries "    {\"${name}\", ${symbol}, ${symbol}_end},\n")
          list(APPEND files ${file})
          math(EXPR count "${count} + 1")
        endif()
      endforeach()
    endforeach()
  endif()
  if(count EQUAL 0)
    message(STATUS "No socket.io-client in ${NARU_SOCKETIO_CLIENT}: servers will not give its scripts to browsers")
    set(entries "    {0},\n")
  else()
    message(STATUS "Servers give the scripts of socket.io-client ${version} to browsers")
  endif()
  string(APPEND text "\nconst naru__sio_bundle naru__sio_bundles[] = {\n${entries}};\n"
                     "const size_t naru__sio_bundles_count = ${count};\n"
                     "const char naru__sio_bundles_version[] = \"${version}\";\n")
  set(source ${CMAKE_CURRENT_BINARY_DIR}/bundles.c)
  file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
  # The assembler reads the scripts, and link-time optimisation would lose what only it knows.
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files}" COMPILE_OPTIONS "-fno-lto")
  set(${out} ${source} PARENT_SCOPE)
endfunction()
