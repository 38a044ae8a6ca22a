#!/usr/bin/env bash
# Several nodes, one rank a GPU; NCCL between nodes is bootstrapped by MPI:
#   sbatch slurm/train_multinode.sh [CONFIG] [SHARDS] [RUN]
# A job that is stopped 300 s before its time limit saves, and is put back into the queue; it goes on where it was.
#SBATCH --job-name=voxrank
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8      # one rank a GPU
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8        # reading threads and compute threads of a rank
#SBATCH --mem=0                  # all memory of each node
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@300        # all ranks get SIGUSR1 300 s before the limit: they agree on a step, save, and end with 75
#SBATCH --requeue
#SBATCH --open-mode=append       # a requeued job goes on in the same log
#SBATCH --output=%x-%j.log
set -uo pipefail
# shellcheck source=slurm/env.sh
source "${SLURM_SUBMIT_DIR:-.}/slurm/env.sh"

config=${1:-$VOXRANK_HOME/configs/brats/segmentation.yaml}
shards=${2:-$VOXRANK_HOME/shards}
run=${3:-$VOXRANK_HOME/runs/$SLURM_JOB_NAME}

srun --mpi=pmix --cpu-bind=cores "$VOXRANK_BIN/train" --config "$config" --data "$shards" --run "$run"
code=$?
if [ "$code" -eq 75 ]; then      # stopped and saved
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
fi
exit "$code"
