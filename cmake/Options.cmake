# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
# Build options and the warnings every C file of the project is held to.
option(OURO_BUILD_BENCHMARKS "the suite: ouro-work, ouro-micro, ouro-replay" ON)
option(OURO_BUILD_TESTS "tests, run by ctest" ON)
option(OURO_WERROR "warnings are errors" OFF)
option(OURO_CHECK "all invariants are checked at run time (slow)" OFF)
option(OURO_HARDENED "the heap notices misuse; OFF only to measure what that costs" ON)
set(OURO_SANITIZE "" CACHE STRING "address, thread or undefined: passed to -fsanitize=")
option(OURO_COVERAGE "instrument for gcov" OFF)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # GNU: __thread, asm, builtins behind atomic.h
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# Release keeps symbols: a profile or a crash line without names helps nobody.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g -DNDEBUG")

add_library(ouro_flags INTERFACE)
target_compile_options(ouro_flags INTERFACE
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wno-sign-conversion -fno-math-errno>
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra>
  $<$<BOOL:${OURO_WERROR}>:-Werror>
  -fvisibility=hidden)
if(OURO_SANITIZE)
  target_compile_options(ouro_flags INTERFACE -fsanitize=${OURO_SANITIZE}
    -fno-sanitize-recover=all)
  target_link_options(ouro_flags INTERFACE -fsanitize=${OURO_SANITIZE})
endif()
if(OURO_CHECK)
  target_compile_definitions(ouro_flags INTERFACE OURO_CHECK=1)
endif()
if(OURO_CHECK OR OURO_SANITIZE MATCHES "thread")
  target_compile_definitions(ouro_flags INTERFACE OURO_RACES=1) # ou_race_point, os/os.h
endif()
if(NOT OURO_HARDENED)
  target_compile_definitions(ouro_flags INTERFACE OU_HARDENED=0)
endif()
if(OURO_COVERAGE)
  target_compile_options(ouro_flags INTERFACE --coverage)
  target_link_options(ouro_flags INTERFACE --coverage)
endif()
find_package(Threads REQUIRED)
target_link_libraries(ouro_flags INTERFACE Threads::Threads)
