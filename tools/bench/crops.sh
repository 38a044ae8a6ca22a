#!/usr/bin/env bash
# Runs crops.py with the virtual environment that tools/setup.sh made; --help lists its options.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec "${XDG_CACHE_HOME:-$HOME/.cache}/voxrank/venv-torch2.11.0/bin/python" -B tools/bench/crops.py "$@"
