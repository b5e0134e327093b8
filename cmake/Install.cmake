# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
# What `cmake --install` puts where. Each target is guarded, so that a build without the suite
# (or without a library that a program needs) installs what it has. ouro-work, ouro-replay,
# libouro-record.so and the workload files are installed by their own folders.
#
#   bin/                     ouro (front door), ouro-micro, ouro-peer-{cpython,boehm,shared_ptr}
#   lib*/                    libouro.so .a, libouro-malloc.so, libouro-micro-calls.so
#   lib*/cmake/ouro          find_package(ouro): targets ouro::ouro, ouro::static
#   lib*/pkgconfig           ouro.pc
#   include/ouro             public headers
#   lib/ouro/ouro_suite      Python package of the front door (found from bin/ouro by path)
#   share/ouro/workloads     peers/*.py
include(CMakePackageConfigHelpers)

foreach(library ouro_shared ouro_static ouro_malloc ouro-micro-calls)
  if(TARGET ${library})
    install(TARGETS ${library}
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()

foreach(program ouro-micro ouro-peer-cpython ouro-peer-boehm ouro-peer-shared_ptr)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

if(TARGET ouro_shared OR TARGET ouro_static)
  install(DIRECTORY runtime/include/ouro DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")

  # Written by hand, not exported: a user links one library and must see neither our floors
  # nor our warning flags.
  set(OURO_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/ouro)
  configure_package_config_file(cmake/ouroConfig.cmake.in
    ${CMAKE_BINARY_DIR}/package/ouroConfig.cmake
    INSTALL_DESTINATION ${OURO_PACKAGE_DIR}
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/ouroConfigVersion.cmake
    COMPATIBILITY SameMinorVersion) # before 1.0 a minor version may change the API
  install(FILES ${CMAKE_BINARY_DIR}/package/ouroConfig.cmake
    ${CMAKE_BINARY_DIR}/package/ouroConfigVersion.cmake DESTINATION ${OURO_PACKAGE_DIR})

  # The prefix is found from where ouro.pc lies, so that a moved installation still works.
  set(OURO_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    file(RELATIVE_PATH up /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
    string(REGEX REPLACE "/$" "" up "${up}")
    set(OURO_PC_PREFIX "\${pcfiledir}/${up}")
  endif()
  # Absolute directories stay absolute, relative ones hang on the prefix.
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY "\${prefix}"
    OUTPUT_VARIABLE OURO_PC_LIBDIR)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY "\${prefix}"
    OUTPUT_VARIABLE OURO_PC_INCLUDEDIR)
  configure_file(cmake/ouro.pc.in ${CMAKE_BINARY_DIR}/package/ouro.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/package/ouro.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

if(OURO_BUILD_BENCHMARKS)
  if(EXISTS ${PROJECT_SOURCE_DIR}/scripts/ouro)
    install(PROGRAMS scripts/ouro DESTINATION ${CMAKE_INSTALL_BINDIR})
    # Always lib/, also where libraries go to lib/<triplet>: the package is not per machine,
    # and bin/ouro looks for it in ../lib/ouro.
    install(DIRECTORY scripts/ouro_suite DESTINATION lib/ouro
      PATTERN "__pycache__" EXCLUDE PATTERN "*.pyc" EXCLUDE)
  endif()
  install(DIRECTORY workloads/peers DESTINATION ${CMAKE_INSTALL_DATADIR}/ouro/workloads
    FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE)
endif()

install(FILES LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
