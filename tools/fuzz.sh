#!/usr/bin/env bash
# Builds the fuzz targets with clang's sanitizers and runs each from its seeds:
#   tools/fuzz.sh                    60 seconds each
#   tools/fuzz.sh 10                 10 seconds each
#   tools/fuzz.sh 600 nifti config   only these
# Prints executions and coverage of each (edges of the code, features as libFuzzer counts them).  A finding is an error, and what
# reproduces it stays in build/fuzz/findings/: build/fuzz/<target>_fuzz FILE shows it again.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v clang++-19 >/dev/null || {
  echo "tools/fuzz.sh: clang++-19 is not installed (tools/setup.sh)" >&2
  exit 77
}
seconds="${1:-60}"
shift || true
targets=("$@")
((${#targets[@]})) || targets=(safetensors nifti config dataset_index prompts chunk_codec)
build="$PWD/build/fuzz"
findings="$build/findings"
mkdir -p "$findings"

cmake -S tests/fuzz -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 >"$build/configure.log" || { cat "$build/configure.log"; exit 70; }
ninja -C "$build" -j1 >"$build/build.log" || { tail -50 "$build/build.log"; exit 70; }
python3 tests/fuzz/make_seeds.py "$build/corpus"

# run TARGET SECONDS: libFuzzer's own report goes into TARGET.log.
run() {
  local settings=(-max_total_time="$2" -max_len=4096 -timeout=5 -rss_limit_mb=512 -print_final_stats=1 -seed=1
                  -artifact_prefix="$findings/$1-")
  UBSAN_OPTIONS=print_stacktrace=1 "$build/$1_fuzz" "${settings[@]}" "$build/corpus/$1" >"$build/$1.log" 2>&1
}

# A fuzzer that finds nothing must be one that can find something.
rm -f "$findings"/planted-*
if run planted 60 || ! grep -q 'heap-buffer-overflow' "$build/planted.log"; then
  echo "tools/fuzz.sh: the planted bug was not found; nothing that the fuzzers say counts.  See $build/planted.log" >&2
  exit 1
fi
rm -f "$findings"/planted-*
echo "planted: found after $(grep -c . "$build/planted.log") lines"

failed=0
for target in "${targets[@]}"; do
  if run "$target" "$seconds"; then
    coverage=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$build/$target.log" | tail -1)
    executions=$(grep -oE 'number_of_executed_units: +[0-9]+' "$build/$target.log" | grep -oE '[0-9]+')
    printf '%s: %s executions in %s s, %s\n' "$target" "$executions" "$seconds" "$coverage"
  else
    failed=1
    echo "$target: a finding.  See $build/$target.log and $findings/$target-*:" >&2
    grep -E 'ERROR|SUMMARY|runtime error|broken promise|terminate|what\(\)' "$build/$target.log" | head -8 >&2 || true
  fi
done
exit "$failed"
