# The install rules: after `cmake --install`, a project says find_package(tern COMPONENTS ...) or asks
# pkg-config, and links tern::tern or one layer of it. base, poller and net are the core, which is
# always found; each other layer is a component, with an export set and a pkg-config module of its own,
# so that whoever does not ask for it needs nothing that it links.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
include(TernDependencies)

set(tern_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tern")
set(tern_core_layers base poller net)
get_property(tern_components GLOBAL PROPERTY TERN_LAYERS)
list(REMOVE_ITEM tern_components ${tern_core_layers})

# From where a pkg-config file lies to the prefix, so that a moved tree keeps working.
file(RELATIVE_PATH tern_pc_to_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" tern_pc_to_prefix "${tern_pc_to_prefix}")

# tern_install_layers(<component> <layer>...): libraries, headers, and the file of the targets.
function(tern_install_layers component)
  foreach(layer IN LISTS ARGN)
    install(TARGETS tern_${layer} EXPORT tern-${component}
      ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tern_dev
      LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tern_runtime NAMELINK_COMPONENT tern_dev
      INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    get_target_property(folder tern_${layer} SOURCE_DIR)
    install(DIRECTORY "${folder}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT tern_dev
      FILES_MATCHING PATTERN "*.h")
  endforeach()
  install(EXPORT tern-${component} NAMESPACE tern:: FILE ${component}-targets.cmake
    DESTINATION "${tern_package_dir}" COMPONENT tern_dev)
endfunction()

# tern_describe(<component> <pkg-config module> <description> <layer>...)
# Writes the component's pkg-config file, and hands back in tern_facts what ternConfig.cmake has to
# know: tern_needs_<component>, the components below it, lowest first, and tern_packages_<component>.
function(tern_describe component module description)
  set(needs "")
  set(packages "")
  set(libraries "")
  set(libraries_private "")
  set(requires "")
  set(requires_private "")
  foreach(layer IN LISTS ARGN)
    list(PREPEND libraries "-ltern_${layer}")
    tern_links(${layer} public private)
    foreach(link IN LISTS public private)
      if(link IN_LIST ARGN)
        continue()
      elseif(link IN_LIST tern_core_layers)
        list(APPEND requires tern)
      elseif(link IN_LIST tern_components)
        list(APPEND needs ${tern_needs_${link}} ${link})
        list(APPEND requires tern-${link})
      else()
        set(access "")
        if(link IN_LIST private)
          set(access _private)
        endif()
        tern_look_up(${link} package pkg_config debian)
        list(APPEND packages ${package})
        if(pkg_config MATCHES "^-")
          list(APPEND libraries${access} ${pkg_config})
        else()
          list(APPEND requires${access} ${pkg_config})
        endif()
      endif()
    endforeach()
  endforeach()
  foreach(list needs packages requires requires_private)
    list(REMOVE_DUPLICATES ${list})
  endforeach()

  list(JOIN libraries " " libraries)
  list(JOIN libraries_private " " libraries_private)
  list(JOIN requires ", " requires)
  list(JOIN requires_private ", " requires_private)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/tern.pc.in" "${PROJECT_BINARY_DIR}/${module}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${module}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
    COMPONENT tern_dev)

  set(tern_needs_${component} "${needs}" PARENT_SCOPE)
  string(APPEND tern_facts "set(tern_needs_${component} ${needs})\n"
    "set(tern_packages_${component} ${packages})\n")
  set(tern_facts "${tern_facts}" PARENT_SCOPE)
endfunction()

install(TARGETS tern_tern EXPORT tern-tern)
tern_install_layers(tern ${tern_core_layers})
tern_describe(tern tern "${PROJECT_DESCRIPTION}" ${tern_core_layers})
foreach(component IN LISTS tern_components)
  tern_install_layers(${component} ${component})
  tern_describe(${component} tern-${component} "${PROJECT_DESCRIPTION}: ${component}" ${component})
endforeach()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/ternConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/ternConfig.cmake" INSTALL_DESTINATION "${tern_package_dir}"
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ternConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/ternConfig.cmake"
  "${PROJECT_BINARY_DIR}/ternConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindLiburing.cmake"
  DESTINATION "${tern_package_dir}" COMPONENT tern_dev)
