# What tern's layers stand on, under the names that each packager has for it. TernInstall and
# TernPackage read off the targets what a layer links, and look the rest up here.

# One line a target: CMake's package | pkg-config's module, or a flag | Debian's packages for whoever
# compiles against it.
set(tern_dependency_Threads::Threads "Threads|-pthread|")
set(tern_dependency_liburing::liburing "Liburing|liburing|liburing-dev, pkgconf")
set(tern_dependency_protobuf::libprotobuf "Protobuf|protobuf|libprotobuf-dev")
set(tern_dependency_protobuf::libprotobuf-lite "Protobuf|protobuf-lite|libprotobuf-dev")
set(tern_dependency_ZLIB::ZLIB "ZLIB|zlib|zlib1g-dev")

# tern_look_up(<target> <package variable> <module variable> <Debian variable>)
function(tern_look_up target package module debian)
  if(NOT DEFINED tern_dependency_${target})
    message(FATAL_ERROR
      "A layer of tern links ${target}: add a line for it to cmake/TernDependencies.cmake, so that the "
      "installed packages can name it too.")
  endif()
  string(REPLACE "|" ";" names "${tern_dependency_${target}}")
  list(GET names 0 first)
  list(GET names 1 second)
  list(GET names 2 third)
  set(${package} "${first}" PARENT_SCOPE)
  set(${module} "${second}" PARENT_SCOPE)
  set(${debian} "${third}" PARENT_SCOPE)
endfunction()

# tern_links(<layer> <public variable> <private variable>)
# What users of the installed layer link with it: other layers by bare name, everything else as a
# target. Private is what only a static library hands on.
function(tern_links layer public private)
  set(open "")
  set(hidden "")
  get_target_property(links tern_${layer} INTERFACE_LINK_LIBRARIES)
  foreach(link IN LISTS links)
    if(link MATCHES "^\\$<LINK_ONLY:(.*)>$")
      list(APPEND hidden "${CMAKE_MATCH_1}")
    elseif(link)
      list(APPEND open "${link}")
    endif()
  endforeach()
  list(TRANSFORM open REPLACE "^tern(::|_)" "")
  list(TRANSFORM hidden REPLACE "^tern(::|_)" "")
  set(${public} "${open}" PARENT_SCOPE)
  set(${private} "${hidden}" PARENT_SCOPE)
endfunction()
