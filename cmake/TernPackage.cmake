# Debian packages: `cpack -G DEB` in a build folder makes libtern-dev, and of a shared build the
# libraries' own package too. Needs dpkg-dev and file.
get_property(tern_layers GLOBAL PROPERTY TERN_LAYERS)

# The licence, and those of what a layer has inside, which lie in its folder.
set(CPACK_TERN_LICENCES "${PROJECT_SOURCE_DIR}/LICENSE")

# What compiling against the installed layers takes.
set(tern_dev_depends "")
foreach(layer IN LISTS tern_layers)
  get_target_property(folder tern_${layer} SOURCE_DIR)
  file(GLOB licences CONFIGURE_DEPENDS "${folder}/LICENSE*")
  list(APPEND CPACK_TERN_LICENCES ${licences})
  tern_links(${layer} public private)
  foreach(link IN LISTS public private)
    if(NOT link IN_LIST tern_layers)
      tern_look_up(${link} package pkg_config debian)
      list(APPEND tern_dev_depends ${debian})
    endif()
  endforeach()
endforeach()
list(REMOVE_DUPLICATES tern_dev_depends)

set(tern_soname_package "libtern${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
set(tern_debian_version "${PROJECT_VERSION}-1")
set(CPACK_COMPONENTS_ALL tern_dev)
if(BUILD_SHARED_LIBS)
  list(APPEND CPACK_COMPONENTS_ALL tern_runtime)
  list(PREPEND tern_dev_depends "${tern_soname_package} (= ${tern_debian_version})")
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tern)
set(CPACK_PACKAGE_VENDOR "the tern authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Reactor networking library with pluggable pollers")
# Whoever hands packages out names himself: cmake -DCPACK_PACKAGE_CONTACT="Name <address>".
if(NOT CPACK_PACKAGE_CONTACT)
  set(CPACK_PACKAGE_CONTACT "The tern authors <maintainers@tern.invalid>")
endif()
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/TernPackageFiles.cmake")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE tern)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(tern_about "One event loop a thread, connections with buffers and callbacks; the
pollers (poll, epoll, io_uring, a user's own) can be swapped, and the code
above them is the same.")

set(CPACK_DEBIAN_TERN_RUNTIME_PACKAGE_NAME "${tern_soname_package}")
set(CPACK_DEBIAN_TERN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_TERN_RUNTIME_DESCRIPTION "${tern_about}\n\nThis package has the shared libraries.")
set(CPACK_DEBIAN_TERN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
file(WRITE "${PROJECT_BINARY_DIR}/debian/triggers" "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_TERN_RUNTIME_PACKAGE_CONTROL_EXTRA "${PROJECT_BINARY_DIR}/debian/triggers")

set(CPACK_DEBIAN_TERN_DEV_PACKAGE_NAME libtern-dev)
set(CPACK_DEBIAN_TERN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_TERN_DEV_DESCRIPTION "${tern_about}\n\nThis package is for compiling programs that use it.")
list(JOIN tern_dev_depends ", " CPACK_DEBIAN_TERN_DEV_PACKAGE_DEPENDS)

include(CPack)
