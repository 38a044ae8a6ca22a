# Tests mirror lib/: tests/<module>/<subject>_test.cpp is added by add_unit_test(<module>/<subject> ...).
# Every test has a label for its module, a label for its kind, and a time limit that only a hang reaches.

# The Python of LibTorch's virtual environment: oracle tests run nibabel, h5py and MONAI with it.
cmake_path(SET VOX_PYTHON NORMALIZE "${LibTorch_ROOT}/../../../../bin/python")
set(VOX_MPIRUN mpirun --allow-run-as-root --oversubscribe --mca btl_vader_single_copy_mechanism none)

# Built once per test source: vox_test_program(<module>/<subject> MAIN <gtest_main|mpi_main> [DEPENDS <module>...])
function(vox_test_program path main)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  string(REPLACE "/" "." target ${path})
  cmake_path(GET path PARENT_PATH module)
  list(APPEND arg_DEPENDS ${module})
  list(REMOVE_DUPLICATES arg_DEPENDS)
  list(TRANSFORM arg_DEPENDS PREPEND vox_)
  add_executable(${target} ${CMAKE_SOURCE_DIR}/tests/${path}_test.cpp)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE ${arg_DEPENDS} ${main} GTest::gmock GTest::gtest)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  vox_warnings(${target})
  if(NOT module MATCHES "^(core|config|report)$")  # which know no LibTorch
    vox_precompile(${target} vox_precompiled_tests)
  endif()
endfunction()
vox_precompiled(vox_precompiled_tests HEADERS ${vox_precompiled_headers} <gmock/gmock.h> <gtest/gtest.h>
                LINK ext_torch GTest::gmock GTest::gtest)

# add_unit_test(<module>/<subject> [DEPENDS <module>...] [LABELS <label>...] [TIMEOUT <s>]): one process.
function(add_unit_test path)
  cmake_parse_arguments(arg "" "TIMEOUT" "DEPENDS;LABELS" ${ARGN})
  vox_test_program(${path} vox_test_main DEPENDS ${arg_DEPENDS})
  string(REPLACE "/" "." target ${path})
  add_test(NAME ${target} COMMAND ${target})
  vox_test_properties(${target} ${path} "unit;${arg_LABELS}" 1 "${arg_TIMEOUT}")
endfunction()

# add_mpi_test(<module>/<subject> RANKS 1 2 4 [DEPENDS ...] [LABELS ...] [TIMEOUT <s>]): the same program at each number of
# ranks; it fails when the world is not that size.
function(add_mpi_test path)
  cmake_parse_arguments(arg "" "TIMEOUT" "RANKS;DEPENDS;LABELS" ${ARGN})
  vox_test_program(${path} vox_mpi_test_main DEPENDS ${arg_DEPENDS} comm)
  string(REPLACE "/" "." target ${path})
  foreach(ranks ${arg_RANKS})
    add_test(NAME ${target}.np${ranks} COMMAND ${VOX_MPIRUN} -np ${ranks} $<TARGET_FILE:${target}> --expect-ranks=${ranks})
    vox_test_properties(${target}.np${ranks} ${path} "mpi;${arg_LABELS}" ${ranks} "${arg_TIMEOUT}")
  endforeach()
endfunction()

function(vox_test_properties test path labels processors timeout)
  string(REGEX MATCH "^[^/]+" module ${path})
  if(NOT timeout)
    set(timeout 300)
  endif()
  # Two cores bear any world: more ranks than that only take turns, so they count as two.
  if(processors GREATER 2)
    set(processors 2)
  endif()
  set_tests_properties(${test} PROPERTIES LABELS "${module};${labels}" PROCESSORS ${processors} TIMEOUT ${timeout}
                       SKIP_RETURN_CODE 77 ENVIRONMENT
                       "OMP_NUM_THREADS=1;VOX_SOURCE_DIR=${CMAKE_SOURCE_DIR};VOX_BUILD_DIR=${CMAKE_BINARY_DIR};VOX_PYTHON=${VOX_PYTHON}")
endfunction()

# add_program_test(<module>/<subject> [CORES 1] [LABELS <label>...] [TIMEOUT <s>]): tests/<module>/<subject>_test.py, which starts the
# built programs.  CORES 1: nearly always one process at a time, so that another test may run beside it; else it has both cores.
function(add_program_test path)
  cmake_parse_arguments(arg "" "CORES;TIMEOUT" "LABELS" ${ARGN})
  if(NOT arg_CORES)
    set(arg_CORES 2)
  endif()
  string(REPLACE "/" "." target ${path})
  add_test(NAME ${target} COMMAND ${VOX_PYTHON} -B ${CMAKE_SOURCE_DIR}/tests/${path}_test.py)
  vox_test_properties(${target} ${path} "program;${arg_LABELS}" ${arg_CORES} "${arg_TIMEOUT}")
endfunction()
