# The install rules: after `cmake --install`, a project says find_package(tern) and links tern::tern
# or one layer of it.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(tern_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tern")

install(TARGETS tern_tern EXPORT tern)
get_property(tern_layers GLOBAL PROPERTY TERN_LAYERS)
foreach(layer IN LISTS tern_layers)
  install(TARGETS tern_${layer} EXPORT tern)
  get_target_property(folder tern_${layer} SOURCE_DIR)
  install(DIRECTORY "${folder}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
endforeach()
install(EXPORT tern NAMESPACE tern:: FILE ternTargets.cmake DESTINATION "${tern_package_dir}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/ternConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/ternConfig.cmake" INSTALL_DESTINATION "${tern_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ternConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/ternConfig.cmake"
  "${PROJECT_BINARY_DIR}/ternConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindLiburing.cmake"
  DESTINATION "${tern_package_dir}")
