#!/usr/bin/env bash
# From nothing to a segmented case: sets up, builds, makes brain phantoms as NIfTI, converts them, trains on two ranks, segments
# held-out cases, and prints their Dice.
#   tools/demo.sh                        on phantoms
#   tools/demo.sh --data DIR             on a BraTS folder (a folder a case, as downloaded) instead
#   tools/demo.sh --out DIR              where everything is written (default: runs/demo)
#   tools/demo.sh --label-scheme NAME    where the names of a BraTS folder do not tell the scheme
set -euo pipefail
cd "$(dirname "$0")/.."
source_data='' out=runs/demo scheme=auto
while (($#)); do
  case "$1" in
    --data) source_data=$(realpath "${2:?--data needs a folder}"); shift 2 ;;
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --label-scheme) scheme=${2:?--label-scheme needs a name}; shift 2 ;;
    *) echo "unknown option $1; see the first lines of $0" >&2; exit 64 ;;
  esac
done
tools/setup.sh
tools/build.sh

bin=build/bin
run=(mpirun --allow-run-as-root --oversubscribe -np 2)
step() { printf '\n== %s\n' "$*"; }

if [ -z "$source_data" ]; then
  step "making phantoms: ${PHANTOM_CASES:=18} brains of four modalities"
  train_cases=$out/phantoms/train test_cases=$out/phantoms/test
  "$bin/make_phantoms" --layout brats --cases "$PHANTOM_CASES" --size 64 --seed 0 --output "$train_cases"
  "$bin/make_phantoms" --layout brats --cases 4 --size 64 --seed 1000 --output "$test_cases"
  config=configs/brats/smoke.yaml split=0.9,0.1,0
else
  train_cases=$source_data test_cases=$source_data
  config=configs/brats/segmentation.yaml split=0.8,0.1,0.1
fi

step "converting to shards on two ranks"
"${run[@]}" "$bin/convert_dataset" --layout brats --input "$train_cases" --output "$out/shards" --split "$split" --label-scheme "$scheme"

step "training on two ranks ($config)"
"${run[@]}" "$bin/train_brats" --config "$config" --data "$out/shards" --run "$out/run"

step "segmenting held-out cases"
if [ -z "$source_data" ]; then
  "${run[@]}" "$bin/infer" --run "$out/run" --input "$test_cases" --output "$out/predictions"
  "$bin/evaluate" --predictions "$out/predictions" --references "$test_cases" --label-scheme brats2020 --output "$out/evaluation"
  step "the best classifier that sees one voxel at a time, for comparison"
  "$bin/voxelwise_baseline" --train "$train_cases" --test "$test_cases" --label-scheme brats2020
else
  "$bin/evaluate" --run "$out/run" --data "$out/shards" --split test --output "$out/evaluation"
fi
printf '\nreport: %s\n' "$(realpath "$out/run/report.html")"
