# tern_protobuf(<target> <file.proto>...)
# Makes the static library <target> of what protoc generates, in the build tree alone; its headers
# are found by their plain names. Warnings in generated code are nobody's to mend. The target
# `generated` makes all of them.
function(tern_protobuf target)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}")
  file(MAKE_DIRECTORY "${folder}")
  set(generated "")
  foreach(proto IN LISTS ARGN)
    get_filename_component(name "${proto}" NAME_WE)
    get_filename_component(path "${proto}" ABSOLUTE)
    get_filename_component(from "${path}" DIRECTORY)
    set(files "${folder}/${name}.pb.cc" "${folder}/${name}.pb.h")
    add_custom_command(OUTPUT ${files}
      COMMAND protobuf::protoc "--cpp_out=${folder}" "-I${from}" "${path}"
      DEPENDS "${path}"
      VERBATIM)
    list(APPEND generated ${files})
  endforeach()
  add_library(${target} STATIC ${generated})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC "${folder}")
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf)
  if(NOT TARGET generated)
    add_custom_target(generated)
  endif()
  add_dependencies(generated ${target})
endfunction()
