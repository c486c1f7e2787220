include(CheckCXXCompilerFlag)
# Adds those of the named flags that the compiler knows.
function(ymgr_compile_options)
  foreach(flag ${ARGN})
    string(MAKE_C_IDENTIFIER "YMGR_HAS${flag}" has)
    check_cxx_compiler_flag(${flag} ${has})
    if(${has})
      add_compile_options(${flag})
    endif()
  endforeach()
endfunction()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wnon-virtual-dtor
                    -Woverloaded-virtual -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(YMGR_WERROR)
  add_compile_options(-Werror)
endif()
add_compile_definitions(OPENSSL_API_COMPAT=30000 OPENSSL_NO_DEPRECATED)

if(YMGR_SANITIZE)
  add_compile_options(-fsanitize=${YMGR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${YMGR_SANITIZE})
  find_program(MOLD mold)  # links a sanitized test program five times as fast
  if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_link_options(-fuse-ld=mold)
  endif()
endif()

if(YMGR_HARDEN)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
                      -D_GLIBCXX_ASSERTIONS -fPIE -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_link_options(-Wl,-z,shstk)  # Debian's start-up object carries no note, so the linker would drop ours
  endif()
  ymgr_compile_options(-fcf-protection=full -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
                       -fstrict-flex-arrays=3 -Wtrampolines -Wbidi-chars=any)
endif()
