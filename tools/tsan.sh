#!/usr/bin/env bash
# Builds what threads share (the loader's threads, the thread that writes checkpoints) with clang's ThreadSanitizer and runs their
# unit tests:
#   tools/tsan.sh                 all of them
#   tools/tsan.sh data.loader     only these
# A race is an error, and the report is printed.  LibTorch and HDF5 are not instrumented: races inside of them are not seen, those
# between them and us are, and with OMP_NUM_THREADS=1 nothing of theirs had to be suppressed.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v clang++-19 >/dev/null || {
  echo "tools/tsan.sh: clang++-19 is not installed (tools/setup.sh)" >&2
  exit 77
}
targets=("$@")
((${#targets[@]})) || targets=(data.prefetcher data.loader checkpoint.store core.activity)
build="$PWD/build/tsan"
mkdir -p "$build"

begin=$SECONDS
cmake -S tests/tsan -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 >"$build/configure.log" 2>&1 ||
  { cat "$build/configure.log"; exit 70; }
ninja -C "$build" -j2 >"$build/build.log" || { tail -50 "$build/build.log"; exit 70; }
echo "built in $((SECONDS - begin)) s"

export OMP_NUM_THREADS=1
export TSAN_OPTIONS="exitcode=66 external_symbolizer_path=$(command -v addr2line)"

# A sanitizer that finds nothing must be one that can find something.
if "$build/planted" >"$build/planted.log" 2>&1 || ! grep -q 'data race .*planted_race.cpp' "$build/planted.log"; then
  echo "tools/tsan.sh: the planted race was not found; nothing that the sanitizer says counts.  See $build/planted.log" >&2
  exit 1
fi
echo "planted: found"

failed=0
for target in "${targets[@]}"; do
  begin=$SECONDS
  if "$build/$target" >"$build/$target.log" 2>&1; then
    echo "$target: no race, $(grep -oE '\[  PASSED  \] [0-9]+ tests?' "$build/$target.log" | grep -oE '[0-9]+ tests?'), $((SECONDS - begin)) s"
  else
    failed=1
    echo "$target: failed or found a race.  See $build/$target.log:" >&2
    grep -E '^SUMMARY|^\[  FAILED' "$build/$target.log" | sort -u | cut -c1-250 >&2 || true
  fi
done
exit "$failed"
