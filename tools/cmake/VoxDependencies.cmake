# Every library the project uses, found once.  Nothing else in the tree calls find_package.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# Half the debug information of -g: file and line in a backtrace, at a third of the object size.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

# LibTorch: the wheel that tools/setup.sh put into the user's cache, unless another is named.
set(vox_cache "$ENV{XDG_CACHE_HOME}")
if(NOT vox_cache)
  set(vox_cache "$ENV{HOME}/.cache")
endif()
file(GLOB vox_wheel "${vox_cache}/voxrank/venv-torch2.11.0/lib/python3*/site-packages/torch")
set(LibTorch_ROOT "${vox_wheel}" CACHE PATH "Folder of LibTorch 2.11 (holds include/, lib/, share/cmake)")
if(NOT EXISTS "${LibTorch_ROOT}/share/cmake/Torch")
  message(FATAL_ERROR "LibTorch is not at '${LibTorch_ROOT}'.  Run tools/setup.sh, or give -DLibTorch_ROOT=<folder>.")
endif()
cmake_path(GET LibTorch_ROOT PARENT_PATH vox_site_packages)

# The CUDA compiler: the system's toolkit, or the one that tools/setup.sh installed as wheels.
find_program(vox_nvcc nvcc HINTS /usr/local/cuda/bin)
if(NOT vox_nvcc AND EXISTS "${vox_site_packages}/nvidia/cu13/bin/nvcc")
  set(vox_nvcc "${vox_site_packages}/nvidia/cu13/bin/nvcc" CACHE FILEPATH "" FORCE)
endif()
if(NOT vox_nvcc)
  message(FATAL_ERROR "No CUDA compiler (nvcc).  Run tools/setup.sh: it installs one where the system has none.")
endif()
cmake_path(GET vox_nvcc PARENT_PATH vox_nvcc_bin)
cmake_path(GET vox_nvcc_bin PARENT_PATH vox_cuda_root)
set(CMAKE_CUDA_COMPILER "${vox_nvcc}")
set(CUDAToolkit_ROOT "${vox_cuda_root}")
set(CUDA_TOOLKIT_ROOT_DIR "${vox_cuda_root}")
set(CMAKE_CUDA_ARCHITECTURES "80;90" CACHE STRING "GPU architectures to compile for")
set(CMAKE_CUDA_STANDARD 17)  # CMake 3.25 knows CUDA20, Torch's own detection does not
enable_language(CUDA)
# Torch's GPU detection compiles a probe, which fails without a GPU: say the architectures instead.
set(TORCH_CUDA_ARCH_LIST "8.0;9.0")

list(APPEND CMAKE_PREFIX_PATH "${LibTorch_ROOT}/share/cmake")
find_package(Torch REQUIRED)
find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(deflate REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

# NCCL: the copy that torch itself loads.  Two copies in one process do not know each other's communicators.
find_path(vox_nccl_include nccl.h HINTS "${vox_site_packages}/nvidia/nccl/include" NO_DEFAULT_PATH REQUIRED)
find_library(vox_nccl_library NAMES libnccl.so.2 HINTS "${vox_site_packages}/nvidia/nccl/lib" NO_DEFAULT_PATH REQUIRED)

# Everywhere, also where MPI is not used: what is compiled with a precompiled header has to have all definitions of that header.
add_compile_definitions(OMPI_SKIP_MPICXX)

# The names that modules link against, so that the warnings of foreign headers stay away (SYSTEM).
function(vox_external name)
  cmake_parse_arguments(arg "" "" "INCLUDE;LINK;DEFINE" ${ARGN})
  add_library(ext_${name} INTERFACE)
  target_include_directories(ext_${name} SYSTEM INTERFACE ${arg_INCLUDE})
  target_link_libraries(ext_${name} INTERFACE ${arg_LINK})
  target_compile_definitions(ext_${name} INTERFACE ${arg_DEFINE})
endfunction()

set(vox_torch_libraries
    ${LibTorch_ROOT}/lib/libtorch.so ${LibTorch_ROOT}/lib/libtorch_cpu.so ${LibTorch_ROOT}/lib/libtorch_cuda.so
    ${LibTorch_ROOT}/lib/libc10.so ${LibTorch_ROOT}/lib/libc10_cuda.so)
file(GLOB vox_cudart "${vox_site_packages}/nvidia/cu13/lib/libcudart.so.13")
vox_external(torch INCLUDE ${TORCH_INCLUDE_DIRS} ${CUDAToolkit_INCLUDE_DIRS} LINK ${vox_torch_libraries} ${vox_cudart}
             DEFINE USE_C10D_NCCL)
vox_external(mpi INCLUDE ${MPI_C_INCLUDE_DIRS} LINK MPI::MPI_C)
vox_external(nccl INCLUDE ${vox_nccl_include} LINK ${vox_nccl_library})
vox_external(hdf5 INCLUDE ${HDF5_C_INCLUDE_DIRS} LINK ${HDF5_C_LIBRARIES})
vox_external(yaml LINK yaml-cpp)
vox_external(json LINK nlohmann_json::nlohmann_json)
vox_external(png LINK PNG::PNG)
vox_external(jpeg LINK JPEG::JPEG)
vox_external(codecs LINK ZLIB::ZLIB PkgConfig::deflate PkgConfig::zstd PkgConfig::lz4)
vox_external(xxhash LINK PkgConfig::xxhash)
vox_external(program_options LINK Boost::program_options)

# Torch is linked from the wheel's folders; --no-as-needed keeps libtorch_cuda, whose kernels register themselves on load.
file(GLOB vox_wheel_libs "${vox_site_packages}/nvidia/*/lib")
set(CMAKE_BUILD_RPATH "${LibTorch_ROOT}/lib;${vox_wheel_libs}")
set(CMAKE_INSTALL_RPATH "${CMAKE_BUILD_RPATH}")
# libstdc++ comes before it: libtorch.so exports a std::filesystem::remove_all of its own, and calling that one crashes.
add_link_options("LINKER:--no-as-needed" "-lstdc++")
