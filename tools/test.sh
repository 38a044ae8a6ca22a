#!/usr/bin/env bash
# Sets up, builds, and runs the tests with CTest:
#   tools/test.sh                  all but those labelled soak
#   tools/test.sh --soak           those labelled soak: slow, by hand or at night
#   tools/test.sh -L mpi -R comm   further arguments go to ctest
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
tools/build.sh
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if [ "${1:-}" = --soak ]; then
  shift
  exec ctest --test-dir build --output-on-failure -L soak "$@"
fi
exec ctest --test-dir build --output-on-failure -LE soak -j "$(nproc)" "$@"
