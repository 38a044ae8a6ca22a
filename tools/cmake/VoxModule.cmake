# torch::nn::Module's header costs ten seconds in every file that includes it, a precompiled one three: one for the engine and the
# programs, one with GoogleTest for the tests, where PRECOMPILED says so.  Files still include what they use, and build without
# (-DVOX_PRECOMPILE=OFF).
option(VOX_PRECOMPILE "Compile the headers of torch::nn::Module and of GoogleTest once" ON)
set(vox_precompiled_headers <ATen/core/Tensor.h> <torch/nn/module.h> <filesystem> <functional> <map> <memory> <sstream> <string> <vector>)

# vox_precompiled(<name> HEADERS <header>... LINK <library>...): the target to reuse.
function(vox_precompiled name)
  if(NOT VOX_PRECOMPILE)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "HEADERS;LINK" ${ARGN})
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE ${arg_LINK} Threads::Threads)
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
  vox_warnings(${name})
  # ccache tells by what the compiler read, not by when a header was written.
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endfunction()

# vox_precompile(<target> <precompiled>): every file of the target begins with those headers.
function(vox_precompile target precompiled)
  if(VOX_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${precompiled})
    # g++ 12 finds faults in the standard library's own strings (its bug 105651), and no longer keeps them to itself.
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread>)
  endif()
endfunction()

# vox_module(<name> [PRECOMPILED] [DEPENDS <module>...] [EXTERNAL <library>...])
#   One engine module: every source of lib/<name>/, linked as vox_<name>.  DEPENDS and EXTERNAL are what its headers and
#   sources use; lib/LAYERS says which DEPENDS are allowed, and a test checks the includes.
function(vox_module name)
  cmake_parse_arguments(arg "PRECOMPILED" "" "DEPENDS;EXTERNAL" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/*.cu)
  add_library(vox_${name} STATIC ${sources})
  target_include_directories(vox_${name} PUBLIC ${CMAKE_SOURCE_DIR}/lib)
  list(TRANSFORM arg_DEPENDS PREPEND vox_)
  list(TRANSFORM arg_EXTERNAL PREPEND ext_)
  target_link_libraries(vox_${name} PUBLIC ${arg_DEPENDS} ${arg_EXTERNAL} Threads::Threads)
  vox_warnings(vox_${name})
  if(arg_PRECOMPILED)
    vox_precompile(vox_${name} vox_precompiled)
  endif()
endfunction()

# vox_program(<name> [PRECOMPILED] SOURCES <file>... DEPENDS <module>...): an executable in build/bin/.
function(vox_program name)
  cmake_parse_arguments(arg "PRECOMPILED" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  list(TRANSFORM arg_DEPENDS PREPEND vox_)
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  vox_warnings(${name})
  if(arg_PRECOMPILED)
    vox_precompile(${name} vox_precompiled)
  endif()
endfunction()

function(vox_warnings target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wconversion -Wno-sign-conversion -Werror>)
endfunction()

vox_precompiled(vox_precompiled HEADERS ${vox_precompiled_headers} LINK ext_torch)
