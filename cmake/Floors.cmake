# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
# ouro_floor(name sources...): one floor of the runtime as an OBJECT library.
#
# A floor's include path is a folder of links, one for itself and one for each floor declared
# before it. An upward include therefore does not compile. Order of calls = order of floors.
set(OURO_FLOORS "" CACHE INTERNAL "floors declared so far, bottom first")

function(ouro_floor name)
  set(below ${OURO_FLOORS} ${name})
  set(OURO_FLOORS "${below}" CACHE INTERNAL "")
  set(view ${CMAKE_BINARY_DIR}/floors/${name})
  file(MAKE_DIRECTORY ${view})
  foreach(floor IN LISTS below)
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/runtime/${floor} ${view}/${floor} SYMBOLIC)
  endforeach()
  list(TRANSFORM ARGN PREPEND ${name}/)
  add_library(ouro_${name} OBJECT ${ARGN})
  target_include_directories(ouro_${name} PRIVATE ${view} ${PROJECT_SOURCE_DIR}/runtime/include)
  target_link_libraries(ouro_${name} PRIVATE ouro_flags)
  target_compile_options(ouro_${name} PRIVATE -ftls-model=initial-exec)
  # Two fields written one by one and read back as one vector defeat store forwarding: some 12
  # cycles each time. Fields are never merged into vectors.
  target_compile_options(ouro_${name} PRIVATE -fno-tree-slp-vectorize)
  # The libraries' own calls of their public functions are not for others to replace.
  target_compile_options(ouro_${name} PRIVATE -fno-semantic-interposition)
endfunction()
