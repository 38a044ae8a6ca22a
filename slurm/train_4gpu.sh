#!/usr/bin/env bash
# One node, four GPUs, one rank a GPU:
#   sbatch slurm/train_4gpu.sh [CONFIG] [SHARDS] [RUN] [--set KEY=VALUE]...
# A job that is stopped 300 s before its time limit saves and is put back into the queue; it goes on where it was.  Options before
# the script's name overrule the lines below; on nodes without GPUs: sbatch --gpus-per-node=0 slurm/train_4gpu.sh ...
#SBATCH --job-name=voxrank
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4      # one rank a GPU
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8        # reading threads and compute threads of a rank
#SBATCH --mem=0                  # all memory of the node
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300      # 300 s before the limit this script gets SIGUSR1 and hands it on (B: not Open MPI's daemons, which may hang of it)
#SBATCH --requeue                # Slurm may put the job back into the queue: after a lost node, and when it stops itself
#SBATCH --open-mode=append       # a requeued job goes on in the same log
#SBATCH --output=%x-%j.log       # name and number of the job
set -uo pipefail
# shellcheck source=slurm/env.sh
source "${SLURM_SUBMIT_DIR:-.}/slurm/env.sh"

config=${1:-$VOXRANK_HOME/configs/brats/segmentation.yaml}
shards=${2:-$VOXRANK_HOME/shards}
run=${3:-$(voxrank_run_folder)}      # an empty word means the default too
shift $(($# < 3 ? $# : 3))

voxrank_train --config "$config" --data "$shards" --run "$run" "$@"
