# Finds liburing through pkg-config and offers it as liburing::liburing. Installed beside
# ternConfig.cmake too, since who links a static tern links liburing.
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(LIBURING QUIET IMPORTED_TARGET GLOBAL liburing)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Liburing
  REQUIRED_VARS LIBURING_LINK_LIBRARIES PKG_CONFIG_FOUND
  VERSION_VAR LIBURING_VERSION
  REASON_FAILURE_MESSAGE
    "tern's io_uring poller needs liburing (on Debian and Ubuntu: apt install liburing-dev pkgconf)")

if(Liburing_FOUND AND NOT TARGET liburing::liburing)
  # Global, so that a project which adds tern as a subdirectory can link a static tern.
  add_library(liburing::liburing INTERFACE IMPORTED GLOBAL)
  target_link_libraries(liburing::liburing INTERFACE PkgConfig::LIBURING)
endif()
