#!/usr/bin/env bash
# The step on a GPU: one rank with NCCL, at every precision, against PyTorch DDP with NCCL.  One JSON file a precision.
#   tools/bench/gpu.sh [SIZE] [ITEMS]      crops of SIZE^3 voxels (default 128), ITEMS a batch (default 2)
# Ends with 77 where there is no GPU.
set -euo pipefail
cd "$(dirname "$0")/../.."
size=${1:-128} items=${2:-2} out=build/bench
if ! command -v nvidia-smi >/dev/null || ! nvidia-smi --list-gpus 2>/dev/null | grep -q '^GPU '; then
  echo "gpu.sh: there is no GPU here; nothing was measured" >&2
  exit 77
fi
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
for precision in fp32 tf32 bf16 fp16; do
  tools/bench/step_time.sh --device cuda --backend nccl --ranks 1 --threads 4 --precision "$precision" \
    --size "$size" --items "$items" --warm-up 5 --timed 30 --output "$out/gpu_$precision.json"
done
