# The shapes that tern's targets share: tern_layer() for a library layer, tern_program() for an
# executable. Both glob, with CONFIGURE_DEPENDS, because the folder is the list: a file belongs to
# the target whose folder it lies in, and a build notices a new file without an edit here.

# tern_layer(<name> [DEPENDS <target>...] [PRIVATE_DEPENDS <target>...])
# Makes the library tern_<name>, alias tern::<name>, of the folder it is called in, and notes it for
# TernInstall. include/tern/<name>/ is what users see; src/ is visible to the layer's own sources
# alone. In somebody else's build it is built when something there links it.
function(tern_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;PRIVATE_DEPENDS")
  file(GLOB files CONFIGURE_DEPENDS
    "${CMAKE_CURRENT_SOURCE_DIR}/include/tern/${name}/*.h"
    "${CMAKE_CURRENT_SOURCE_DIR}/src/*.h"
    "${CMAKE_CURRENT_SOURCE_DIR}/src/*.cc")

  add_library(tern_${name} ${files})
  add_library(tern::${name} ALIAS tern_${name})
  target_compile_features(tern_${name} PUBLIC cxx_std_20)
  target_include_directories(tern_${name}
    PUBLIC "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>"
    PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src")
  target_link_libraries(tern_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
  if(TERN_BUILD_FUZZERS)
    # libFuzzer is told what the layer does; in programs without it the sanitizer's runtime ignores that.
    target_compile_options(tern_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  set_target_properties(tern_${name} PROPERTIES
    EXPORT_NAME ${name}
    CXX_EXTENSIONS OFF
    INSTALL_RPATH "$ORIGIN"
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  set_property(GLOBAL APPEND PROPERTY TERN_LAYERS ${name})
  if(NOT PROJECT_IS_TOP_LEVEL AND NOT TERN_INSTALL)
    set_property(DIRECTORY PROPERTY EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# tern_program(<name> FROM <folder> [LINK <target>...])
# Makes an executable of every .cc file directly in <folder>. An empty folder makes no target.
function(tern_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FROM" "LINK")
  file(GLOB files CONFIGURE_DEPENDS
    "${CMAKE_CURRENT_SOURCE_DIR}/${arg_FROM}/*.h"
    "${CMAKE_CURRENT_SOURCE_DIR}/${arg_FROM}/*.cc")
  if(NOT files)
    message(STATUS "tern: no sources for ${name} yet, skipped")
    return()
  endif()
  add_executable(${name} ${files})
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()
