# shellcheck shell=bash
# Sourced by the job scripts of this folder: what a site adapts, and how a job is started, stopped and put back into the queue.
#
#   VOXRANK_HOME      a clone that tools/build.sh built           (default: where sbatch was called)
#   VOXRANK_BIN       its programs                                (default: VOXRANK_HOME/build/bin)
#   VOXRANK_MODULES   names for `module load`, where a site has modules
#   VOXRANK_VENV      a virtual environment to activate
#   VOXRANK_LAUNCHER  srun (default) or mpirun

VOXRANK_HOME="${VOXRANK_HOME:-${SLURM_SUBMIT_DIR:-$PWD}}"
VOXRANK_BIN="${VOXRANK_BIN:-$VOXRANK_HOME/build/bin}"
VOXRANK_LAUNCHER="${VOXRANK_LAUNCHER:-srun}"

if command -v module >/dev/null 2>&1 && [ -n "${VOXRANK_MODULES:-}" ]; then
  # shellcheck disable=SC2086  # a list of names
  module load $VOXRANK_MODULES
fi
if [ -n "${VOXRANK_VENV:-}" ]; then
  # shellcheck disable=SC1091  # the site's own
  source "$VOXRANK_VENV/bin/activate"
fi

# Ranks compute with their own threads; OpenMP must not multiply them.
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
# Shards are opened read-only; file locks only make network file systems fail.
export HDF5_USE_FILE_LOCKING=FALSE
# mpirun: seconds between SIGTERM and SIGKILL, so that a save in flight ends (Open MPI's default is one).  It waits as long, and some
# seconds more, before it leaves with a rank's code that is not 0.
export OMPI_MCA_odls_base_sigkill_timeout=10
# mpirun notices in seconds that a host is gone, not after a minute.
export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
# NCCL says once which version and which network it uses; set INFO to look for trouble between nodes.
export NCCL_DEBUG="${NCCL_DEBUG:-VERSION}"

# When the job ends, in seconds since 1970, for train.stop_margin_s; Slurm before 23.02 does not say it by itself.
if [ -z "${SLURM_JOB_END_TIME:-}" ] && [ -n "${SLURM_JOB_ID:-}" ]; then
  SLURM_JOB_END_TIME=$(date -d "$(squeue --noheader --job "$SLURM_JOB_ID" --format %e)" +%s 2>/dev/null) && export SLURM_JOB_END_TIME
fi

# The name under which `scontrol requeue` knows this job: a task of an array has one of its own.
voxrank_job() {
  if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    echo "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
  else
    echo "$SLURM_JOB_ID"
  fi
}

# The folder of a run that was not named: runs/<job name>, and one a task where the job is an array.
voxrank_run_folder() {
  echo "$VOXRANK_HOME/runs/$SLURM_JOB_NAME${SLURM_ARRAY_TASK_ID:+-$SLURM_ARRAY_TASK_ID}"
}

# voxrank_train ARGUMENT...: build/bin/train on all of the job's tasks.  SIGUSR1 of this shell goes to the launcher, which hands it to
# the ranks: they agree on a step, save, and end with 75.  The job then goes back into the queue and, started again with the same
# run folder, on from its checkpoint.
voxrank_train() {
  local launcher code=0
  echo "voxrank: job $(voxrank_job) on ${SLURM_JOB_NODELIST:-this host}, ${SLURM_NTASKS:-1} ranks by $VOXRANK_LAUNCHER, restart ${SLURM_RESTART_COUNT:-0}"
  case "$VOXRANK_LAUNCHER" in
    # PMIx tells the ranks of each other; each is bound to its own cores, and Slurm gives it its own GPU.
    srun) srun --mpi=pmix --cpu-bind=cores "$VOXRANK_BIN/train" "$@" & ;;
    # Hosts and number of ranks come from Slurm's allocation.
    mpirun) mpirun --bind-to none "$VOXRANK_BIN/train" "$@" & ;;
    *) echo "voxrank: VOXRANK_LAUNCHER must be srun or mpirun, not '$VOXRANK_LAUNCHER'" >&2; return 64 ;;
  esac
  launcher=$!
  # shellcheck disable=SC2064  # this very launcher
  trap "kill -USR1 $launcher" USR1
  # A signal ends `wait` before the launcher has ended.
  while true; do
    wait "$launcher"
    code=$?
    kill -0 "$launcher" 2>/dev/null || break
  done
  trap - USR1
  [ "$code" -eq 75 ] || return "$code"
  echo "voxrank: stopped and saved; job $(voxrank_job) goes back into the queue"
  scontrol requeue "$(voxrank_job)"
}
