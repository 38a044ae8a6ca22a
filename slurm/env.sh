# shellcheck shell=bash disable=SC2034
# Sourced by the job scripts of this folder: what a site adapts.

# Where the programs are; a clone that tools/build.sh built.
VOXRANK_HOME="${VOXRANK_HOME:-${SLURM_SUBMIT_DIR:-$PWD}}"
VOXRANK_BIN="$VOXRANK_HOME/build/bin"

# A site's own modules, loaded where the command exists.
if command -v module >/dev/null 2>&1 && [ -n "${VOXRANK_MODULES:-}" ]; then
  # shellcheck disable=SC2086  # a list of names
  module load $VOXRANK_MODULES
fi

# Ranks compute with their own threads; OpenMP must not multiply them.
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
# Shards are opened read-only; file locks only make network file systems fail.
export HDF5_USE_FILE_LOCKING=FALSE
# Room between SIGTERM and SIGKILL, so that a save in flight ends (Open MPI's default is one second).
export OMPI_MCA_odls_base_sigkill_timeout=30
# A launcher notices in seconds that a host is gone, not after a minute.
export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
