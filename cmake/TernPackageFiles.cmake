# What a Debian package holds and an installed tree does not: copyright and changelog, archives without
# debug information, and no library path of its own, since /usr/lib needs none. CPack runs this on
# the files it is about to pack.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER "${component}" upper)
  set(package "${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
  set(root "${CPACK_TEMPORARY_DIRECTORY}/${component}")

  file(GLOB_RECURSE archives "${root}/*.a")
  foreach(archive IN LISTS archives)
    run(strip --strip-debug --enable-deterministic-archives "${archive}")
  endforeach()
  file(GLOB_RECURSE libraries "${root}/*.so.*")
  foreach(library IN LISTS libraries)
    if(NOT IS_SYMLINK "${library}")
      file(RPATH_REMOVE FILE "${library}")
    endif()
  endforeach()

  set(folder "${root}/usr/share/doc/${package}")
  file(MAKE_DIRECTORY "${folder}")
  file(WRITE "${folder}/copyright" "")
  foreach(licence IN LISTS CPACK_TERN_LICENCES)
    file(READ "${licence}" text)
    file(APPEND "${folder}/copyright" "${text}")
  endforeach()
  file(WRITE "${folder}/changelog.Debian" "tern (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) \
unstable; urgency=medium\n\n  * Packaged by CPack. What changed is in tern's CHANGELOG.md.\n\n \
-- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  run(gzip -9nf "${folder}/changelog.Debian")
endforeach()
