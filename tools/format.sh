#!/bin/bash
# Formats every tracked C++ file with clang-format 19 (.clang-format).
#   tools/format.sh            rewrites files
#   tools/format.sh --check    changes nothing; names the files and places that differ and exits with 1
set -euo pipefail
cd "$(dirname "$0")/.."

formatter=$(command -v clang-format-19) || {
    echo "tools/format.sh: clang-format-19 is not installed (apt-get install clang-format-19)" >&2
    exit 77
}
case "${1:-}" in
    "") arguments=(-i) ;;
    --check) arguments=(--dry-run --Werror) ;;
    *) sed -n '2,4s/^# \?//p' "$0" >&2; exit 64 ;;
esac
git ls-files -z --cached --others --exclude-standard -- '*.hpp' '*.cpp' '*.cu' '*.cuh' |
    xargs -0 --no-run-if-empty -n 20 "$formatter" "${arguments[@]}" || exit 1
