# cmake -DOUT=file.c -DDIR=web/chat -P embed.cmake: the chat page's files as C arrays.
set(files "/|index.html|text/html\; charset=utf-8"
          "/chat.js|chat.js|text/javascript\; charset=utf-8"
          "/chat.css|chat.css|text/css\; charset=utf-8"
          "/favicon.svg|favicon.svg|image/svg+xml")
set(arrays "")
set(rows "")
set(index 0)
foreach(file IN LISTS files)
  string(REGEX MATCH "^([^|]*)\\|([^|]*)\\|(.*)$" matched "${file}")
  set(path "${CMAKE_MATCH_1}")
  set(name "${CMAKE_MATCH_2}")
  set(type "${CMAKE_MATCH_3}")
  file(READ "${DIR}/${name}" bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1, " bytes "${bytes}")
  string(APPEND arrays "static const unsigned char file_${index}[] = {\n${bytes}};\n")
  string(APPEND rows "    {\"${path}\", \"${type}\", file_${index}, sizeof file_${index}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE "${OUT}" "/* Made from web/chat by apps/naru/embed.cmake. */\n#include \"page.h\"\n\n${arrays}\n"
                    "const page_file page_files[] = {\n${rows}};\n"
                    "const size_t page_files_count = sizeof page_files / sizeof page_files[0];\n")
