# vox_module(<name> [DEPENDS <module>...] [EXTERNAL <library>...])
#   One engine module: every source of lib/<name>/, linked as vox_<name>.  DEPENDS and EXTERNAL are what its headers and
#   sources use; lib/LAYERS says which DEPENDS are allowed, and a test checks the includes.
function(vox_module name)
  cmake_parse_arguments(arg "" "" "DEPENDS;EXTERNAL" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/*.cu)
  add_library(vox_${name} STATIC ${sources})
  target_include_directories(vox_${name} PUBLIC ${CMAKE_SOURCE_DIR}/lib)
  list(TRANSFORM arg_DEPENDS PREPEND vox_)
  list(TRANSFORM arg_EXTERNAL PREPEND ext_)
  target_link_libraries(vox_${name} PUBLIC ${arg_DEPENDS} ${arg_EXTERNAL} Threads::Threads)
  vox_warnings(vox_${name})
endfunction()

# vox_program(<name> SOURCES <file>... DEPENDS <module>...): an executable in build/bin/.
function(vox_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  list(TRANSFORM arg_DEPENDS PREPEND vox_)
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  vox_warnings(${name})
endfunction()

function(vox_warnings target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wconversion -Wno-sign-conversion -Werror>)
endfunction()
