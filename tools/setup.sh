#!/usr/bin/env bash
# Installs what building and testing need on Debian 12 or Ubuntu: system packages (as root), and one virtual environment with
# LibTorch in the user's cache, which all clones share.  May be run again at any time: what is there stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build ccache git pkg-config python3 python3-venv
  openmpi-bin libopenmpi-dev libhdf5-dev libboost-program-options-dev libyaml-cpp-dev nlohmann-json3-dev
  zlib1g-dev libdeflate-dev libzstd-dev liblz4-dev libxxhash-dev libpng-dev libjpeg-dev libgtest-dev libgmock-dev
  chromium fonts-dejavu-core clang-format-19 clang-tidy-19 shellcheck   # tests only: the report in a browser, format, lint
  clang-19 libclang-rt-19-dev                                           # tests only: fuzzing, races
  slurm-wlm munge iproute2 util-linux                                   # tests only: a private cluster, two hosts on one
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "setup: installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/voxrank"
venv="$cache/venv-torch2.11.0"
stamp="$venv/.requirements"
mkdir -p "$cache"
(
  flock 9   # two clones may set up at once
  if ! cmp -s tools/requirements.txt "$stamp"; then
    [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
    echo "setup: installing LibTorch and the reference programs into $venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tools/requirements.txt
    cp tools/requirements.txt "$stamp"
  fi
  # A CUDA compiler where the system has none: the same wheels that torch takes its libraries from.
  if ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ] &&
     ! ls "$venv"/lib/python3*/site-packages/nvidia/cu13/bin/nvcc >/dev/null 2>&1; then
    echo "setup: installing the CUDA compiler"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'cuda-toolkit[nvcc,cccl,crt]==13.0.2' 'nvidia-nvvm==13.0.88'
  fi
  # wandb, for the test of its export (129 MB): it wants an older protobuf than TensorBoard has, so it lives alone.
  if [ ! -e "$cache/venv-wandb0.21.4/.done" ]; then
    echo "setup: installing wandb for its test"
    python3 -m venv "$cache/venv-wandb0.21.4"
    "$cache/venv-wandb0.21.4/bin/pip" install --quiet --disable-pip-version-check wandb==0.21.4 pyyaml==6.0.4
    touch "$cache/venv-wandb0.21.4/.done"
  fi
) 9>"$cache/.setup.lock"
