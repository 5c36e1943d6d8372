# check: uses tern in one of the ways that docs/using-tern.md describes, from a folder of its own.
# Called by ctest with CHECK, what to do; KIND, static or shared; SOURCE and BUILD, tern's folders;
# WORK, where to work; GENERATOR, COMPILER, LAUNCHER and FLAGS; COMPONENTS, with a
# comma between them, that are installed.
set(projects "${CMAKE_CURRENT_LIST_DIR}")
string(REPLACE "," ";" component_list "${COMPONENTS}")
set(installed "${WORK}/${KIND}/installed")
set(build "${BUILD}")
if(KIND STREQUAL "shared")
  set(build "${WORK}/shared/build")
endif()

# run(<command>...): its output is only shown, with a stop, when it fails.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}: ${status}\n${output}")
  endif()
endfunction()

function(expect_match text pattern)
  if(NOT text MATCHES "${pattern}")
    message(FATAL_ERROR "expected ${pattern} in:\n${text}")
  endif()
endfunction()

# build_and_run(<project> <folder> <cmake argument>...)
function(build_and_run project folder)
  file(REMOVE "${folder}/CMakeCache.txt")
  run("${CMAKE_COMMAND}" -S "${projects}/${project}" -B "${folder}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" ${ARGN})
  run("${CMAKE_COMMAND}" --build "${folder}")
  file(GLOB programs "${folder}/my_*")
  if(NOT programs)
    message(FATAL_ERROR "${project}: nothing was built")
  endif()
  foreach(program IN LISTS programs)
    run("${program}")
  endforeach()
endfunction()

# The folder of tern's libraries under a prefix.
function(find_libraries prefix variable)
  file(GLOB_RECURSE module "${prefix}/tern.pc")
  get_filename_component(folder "${module}/../.." ABSOLUTE)
  set(${variable} "${folder}" PARENT_SCOPE)
endfunction()

# Each component's program, by find_package and by pkg-config, on what lies under that prefix.
function(use_all prefix folder)
  build_and_run(components "${folder}/components" "-DCOMPONENTS=${COMPONENTS}"
    "-DCMAKE_PREFIX_PATH=${prefix}" "-DCMAKE_CXX_FLAGS=${FLAGS}")
  file(STRINGS "${folder}/components/CMakeCache.txt" found REGEX "^tern_DIR:")
  expect_match("${found}" "=${prefix}/")

  find_libraries("${prefix}" libraries)
  set(ENV{PKG_CONFIG_PATH} "${libraries}/pkgconfig")
  set(ENV{LD_LIBRARY_PATH} "${libraries}")
  set(ENV{CXX} "${COMPILER}")
  set(ENV{CXXFLAGS} "${FLAGS}")
  set(arguments "")
  if(KIND STREQUAL "static")
    set(arguments --static)
  endif()
  file(MAKE_DIRECTORY "${folder}/pkg_config")
  foreach(component IN LISTS component_list)
    set(module tern-${component})
    if(component STREQUAL "net")
      set(module tern)
    endif()
    set(program "${folder}/pkg_config/${component}")
    run("${projects}/pkg_config/build.sh" "${projects}/${component}.cc" "${program}" ${module} ${arguments})
    run("${program}")
  endforeach()
endfunction()

# The installed tree is moved, and must not care, nor know the folders that it comes from.
function(check_install)
  file(REMOVE_RECURSE "${WORK}/${KIND}")
  if(KIND STREQUAL "shared")
    run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${build}" -G "${GENERATOR}" -DBUILD_SHARED_LIBS=ON
      "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" -DCMAKE_INSTALL_PREFIX=/usr
      -DCMAKE_BUILD_TYPE=Release -DTERN_BUILD_TESTS=OFF -DTERN_BUILD_EXAMPLES=OFF -DTERN_BUILD_BENCHMARKS=OFF)
    run("${CMAKE_COMMAND}" --build "${build}")
  endif()
  run("${CMAKE_COMMAND}" --install "${build}" --prefix "${WORK}/${KIND}/made")
  file(RENAME "${WORK}/${KIND}/made" "${installed}")
  file(GLOB_RECURSE texts "${installed}/*.cmake" "${installed}/*.pc")
  foreach(text IN LISTS texts)
    file(READ "${text}" content)
    string(FIND "${content}" "${SOURCE}" place)
    if(NOT place EQUAL -1)
      message(FATAL_ERROR "${text} names ${SOURCE}")
    endif()
  endforeach()
endfunction()

# The core needs nothing of what only components link; a shared one not even liburing.
function(check_find_package)
  set(without -DCMAKE_DISABLE_FIND_PACKAGE_Protobuf=ON -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON)
  if(KIND STREQUAL "shared")
    list(APPEND without -DCMAKE_DISABLE_FIND_PACKAGE_Liburing=ON)
  endif()
  build_and_run(find_package "${WORK}/${KIND}/find_package" "-DCMAKE_PREFIX_PATH=${installed}"
    "-DCMAKE_CXX_FLAGS=${FLAGS}" ${without})
endfunction()

function(check_components)
  use_all("${installed}" "${WORK}/${KIND}")
endfunction()

function(check_missing_component)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${projects}/components" -B "${WORK}/${KIND}/missing"
    -DCOMPONENTS=net,teleport "-DCMAKE_PREFIX_PATH=${installed}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
    OUTPUT_QUIET ERROR_VARIABLE errors)
  string(REGEX REPLACE "[ \n]+" " " errors "${errors}")
  expect_match("${errors}" "the component teleport is not installed in [^ ]*, which has: base, poller, net, tern")
endfunction()

function(check_deb)
  set(folder "${WORK}/${KIND}/deb")
  file(REMOVE_RECURSE "${folder}")
  file(MAKE_DIRECTORY "${folder}")
  get_filename_component(bin "${CMAKE_COMMAND}" DIRECTORY)
  run("${bin}/cpack" -G DEB --config "${build}/CPackConfig.cmake" -B "${folder}")
  file(GLOB packages "${folder}/*.deb")
  foreach(package IN LISTS packages)
    run(dpkg-deb -x "${package}" "${folder}/unpacked")
    execute_process(COMMAND dpkg-deb -f "${package}" Package Depends OUTPUT_VARIABLE fields)
    if(KIND STREQUAL "static")
      expect_match("${fields}" "Package: libtern-dev\nDepends: .*liburing-dev")
    elseif(fields MATCHES "libtern-dev")
      expect_match("${fields}" "Depends: libtern[0-9.]+ \\(= ")
    else()
      expect_match("${fields}" "libc6.*liburing2")
    endif()
  endforeach()
  # Its libraries have no path of their own: in /usr they need none.
  find_libraries("${folder}/unpacked/usr" libraries)
  set(ENV{LD_LIBRARY_PATH} "${libraries}")
  use_all("${folder}/unpacked/usr" "${folder}")
endfunction()

# Both ways of having the sources share a build folder: they compile the same files. Nothing may be
# built that nobody links.
function(use_sources project)
  set(folder "${WORK}/sources")
  build_and_run(${project} "${folder}" "-DTERN_SOURCES=${SOURCE}" "-DFETCHCONTENT_BASE_DIR=${folder}")
  file(GLOB_RECURSE extra "${folder}/*codec*.o" "${folder}/*codec*.a")
  if(extra)
    message(FATAL_ERROR "built though nobody asked for it: ${extra}")
  endif()
endfunction()

function(check_add_subdirectory)
  use_sources(add_subdirectory)
endfunction()

function(check_fetch_content)
  use_sources(fetch_content)
endfunction()

cmake_language(CALL check_${CHECK})
