#!/bin/bash
# Runs clang-tidy 19 (.clang-tidy) with the compile commands of build/.
#   tools/tidy.sh              the .cpp files of lib/, apps/ and tools/ that differ from main, or are not committed
#   tools/tidy.sh --all        all of them (slow: some ten seconds a file that includes LibTorch)
#   tools/tidy.sh FILE...      these
set -euo pipefail
cd "$(dirname "$0")/.."

tidy=$(command -v clang-tidy-19) || {
    echo "tools/tidy.sh: clang-tidy-19 is not installed (apt-get install clang-tidy-19)" >&2
    exit 77
}
[ -f build/compile_commands.json ] || {
    echo "tools/tidy.sh: build/compile_commands.json is not there: run cmake --preset default" >&2
    exit 78
}
case "${1:-}" in
    --all) files=$(git ls-files 'lib/*.cpp' 'apps/*.cpp' 'tools/*.cpp') ;;
    "") base=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main)
        files=$( (git diff --name-only --diff-filter=d "$base" -- 'lib/*.cpp' 'apps/*.cpp' 'tools/*.cpp'
                  git ls-files --others --exclude-standard -- 'lib/*.cpp' 'apps/*.cpp' 'tools/*.cpp') | sort -u) ;;
    -*) sed -n '2,5s/^# \?//p' "$0" >&2; exit 64 ;;
    *) files="$*" ;;
esac
[ -n "$files" ] || { echo "tools/tidy.sh: no file differs"; exit 0; }
echo "$files" | tr ' ' '\n' | xargs -P "$(env -u OMP_NUM_THREADS nproc)" -n 1 "$tidy" -p build --quiet
