# Warnings, hardening and sanitizers, as interface targets: naru_flags for everything, each flag only where the
# compiler has it.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)
check_pie_supported()

add_library(naru_flags INTERFACE)

function(naru_add_flag flag)
  string(MAKE_C_IDENTIFIER "NARU_HAS${flag}" has)
  check_c_compiler_flag("-Werror ${flag}" ${has})
  if(${has})
    target_compile_options(naru_flags INTERFACE ${flag})
  endif()
endfunction()

function(naru_add_link_flag flag)
  string(MAKE_C_IDENTIFIER "NARU_LINK_HAS${flag}" has)
  check_linker_flag(C "${flag}" ${has})
  if(${has})
    target_link_options(naru_flags INTERFACE ${flag})
  endif()
endfunction()

foreach(flag -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
             -Wmissing-prototypes -Wimplicit-fallthrough -Wundef -Wpointer-arith -Wwrite-strings -Wvla -Walloca)
  naru_add_flag(${flag})
endforeach()
if(NARU_WERROR)
  target_compile_options(naru_flags INTERFACE -Werror)
endif()

# A call from one public function to another inside libnaru.so stays inside: it can be inlined and is never interposed.
naru_add_flag(-fno-semantic-interposition)

# The rooms call each other in small functions, message by message. Fat objects serve a linker without it too: the tests, which
# are many, are linked so.
set(NARU_LTO_FLAGS)
set(NARU_NO_LTO_FLAGS)
if(NARU_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT NARU_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  check_c_compiler_flag("-flto=auto -ffat-lto-objects" NARU_HAS_LTO)
  if(NARU_HAS_LTO)
    set(NARU_LTO_FLAGS -flto=auto -ffat-lto-objects)
    set(NARU_NO_LTO_FLAGS -fno-lto)
  endif()
endif()

if(NARU_SANITIZE)
  target_compile_options(naru_flags INTERFACE -fsanitize=${NARU_SANITIZE} -fno-sanitize-recover=all
                                              -fno-omit-frame-pointer)
  target_link_options(naru_flags INTERFACE -fsanitize=${NARU_SANITIZE})
endif()
if(NARU_FUZZ)
  target_compile_options(naru_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Fortify stays out of sanitizer builds, where it would hide what they look for, and out of -O0, where it cannot work.
if(NARU_HARDEN AND NOT NARU_SANITIZE)
  foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
               -fno-delete-null-pointer-checks -fno-strict-overflow)
    naru_add_flag(${flag})
  endforeach()
  foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code)
    naru_add_link_flag(${flag})
  endforeach()
  check_c_compiler_flag("-Werror -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3" NARU_HAS_FORTIFY)
  if(NARU_HAS_FORTIFY)
    target_compile_options(naru_flags INTERFACE
                           "$<$<NOT:$<CONFIG:Debug>>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>")
  endif()
endif()
