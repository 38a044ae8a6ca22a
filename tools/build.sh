#!/usr/bin/env bash
# Configures and builds everything into build/.  tools/setup.sh comes first.
set -euo pipefail
cd "$(dirname "$0")/.."
export CCACHE_SLOPPINESS=pch_defines,time_macros
cmake --preset default >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
rm -f build-configure.log
cmake --build --preset default
