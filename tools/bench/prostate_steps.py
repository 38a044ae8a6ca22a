"""Thirty optimizer steps of the Prostate158 recipe: Voxrank against PyTorch DDP with MONAI, in turns on the same machine.

Both sides take the same exported crops of phantoms in the same order and begin with the same weights; dropout is 0, as its random
numbers differ.  Each step's loss is compared, and the time of a step: ratio = reference time / ours, above 1 we are faster.
"""
import argparse
import json
import pathlib
import statistics
import sys

import h5py
import numpy
import support
from step_time import summary

CHANNELS = {"tumor": 3, "anatomy": 1}
TOLERANCE = 1e-4  # of a step's loss, relative


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=tuple(CHANNELS), default="tumor")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="compute threads of a rank, on both sides")
    parser.add_argument("--items", type=int, default=1, help="crops of a rank and step")
    parser.add_argument("--size", type=int, default=64, help="voxels along each axis of a crop: 32, 64, ...")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--backend", default="auto", help="ours: comm.backend")
    parser.add_argument("--work", type=pathlib.Path, default=support.BUILD / "bench", help="folder for made data")
    parser.add_argument("--output", type=pathlib.Path, default=None, help="default: WORK/prostate_steps.json")
    return parser.parse_args()


def shards(options):
    """Phantom prostates at a spacing at which a crop fits into them, compressed so that h5py reads them."""
    nifti, folder = options.work / "prostates", options.work / f"prostates_{options.task}"
    if not (folder / "dataset.json").exists():
        support.run([support.BIN / "make_phantoms", "--layout", "prostate158", "--cases", 6, "--size", 112, "--output", nifti])
        support.run([support.BIN / "convert_dataset", "--layout", "prostate158", "--task", options.task, "--codec", "gzip",
                     "--spacing", "0.75,0.75,0.75", "--input", nifti, "--output", folder])
    return folder


def export_batches(data, options):
    """steps x items crops a rank, z-scored by their volumes; every rank and step has crops of its own."""
    volumes = []
    for file in sorted(data.glob("*.h5")):
        with h5py.File(file, "r") as cases:
            for case in cases["cases"].values():
                image = case["image"][...].astype(numpy.float32)
                centre, spread = (f(image, axis=(1, 2, 3), keepdims=True) for f in (numpy.mean, numpy.std))
                volumes.append(((image - centre) / spread, case["label"][...]))
    folder = options.work / "prostate_batches"
    folder.mkdir(exist_ok=True)
    for rank in range(options.ranks):
        random = numpy.random.default_rng(rank)
        images, labels = [], []
        for _ in range(options.steps * options.items):
            image, label = volumes[random.integers(len(volumes))]
            start = [random.integers(length - options.size + 1) for length in label.shape]
            box = tuple(slice(first, first + options.size) for first in start)
            images.append(image[(slice(None), *box)])
            labels.append(label[box])
        numpy.stack(images).tofile(folder / f"image_{rank}.f32")
        numpy.stack(labels).astype(numpy.uint8).tofile(folder / f"label_{rank}.u8")
    return folder


def sides(options, data):
    output, weights = options.work / "prostate_side.json", options.work / "prostate_weights.safetensors"
    reference = support.SOURCE / "tools/bench/step_reference.py"
    recipe = ["--recipe", f"prostate_{options.task}"]
    support.run([sys.executable, reference, *recipe, "--export-weights", weights])
    common = ["--batch", export_batches(data, options), "--batches", options.steps, "--items", options.items, "--size", options.size,
              "--warm-up", 0, "--timed", options.steps, "--weights", weights, "--output", output]
    settings = ["model.dropout_prob=0", "train.epochs=0", f"train.steps={options.steps}", f"train.precision={options.precision}",
                f"train.threads_per_rank={options.threads}", f"data.batch_size={options.items}", "data.samples_per_case=256",
                "data.drop_last=true", "data.crop_size=[32, 32, 32]", "data.threads=1", "data.cache_mb=64",
                f"comm.device={options.device}", f"comm.backend={options.backend}"]
    ours = [*support.mpirun(options.ranks), support.BIN / "step_bench", "--config",
            support.SOURCE / f"configs/prostate158/{options.task}.yaml", "--data", data, "--channels", CHANNELS[options.task], *common]
    for one in settings:
        ours += ["--set", one]
    theirs = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", options.ranks, reference, *recipe,
              *common, "--precision", options.precision, "--device", options.device]

    def measure(command):
        output.unlink(missing_ok=True)
        support.run(command, options.threads)
        return json.loads(output.read_text())

    return {"reference": lambda: measure(theirs), "ours": lambda: measure(ours)}


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    machine = support.machine(["torch", "monai"])
    runs = support.in_turns(sides(options, shards(options)), options.pairs)
    ours, reference = summary(runs["ours"]), summary(runs["reference"])
    losses = {name: runs[name][0]["losses"] for name in runs}
    differences = [abs(a - b) / abs(b) for a, b in zip(losses["ours"], losses["reference"], strict=True)]
    ratio = support.paired_ratios(reference["step_seconds"], ours["step_seconds"])
    print(f"{machine['cpu']}, {machine['cores']} cores; {options.ranks} ranks x {options.threads} threads, {options.precision}, "
          f"{options.items} x {options.size}^3 a rank, {ours['parameters']} parameters")
    print(f"  loss {losses['reference'][0]:.6f} -> {losses['reference'][-1]:.6f} in {options.steps} steps; "
          f"largest relative difference of a step {max(differences):.2e}")
    for name, side in (("Voxrank", ours), ("PyTorch DDP + MONAI", reference)):
        print(f"  {name:20} {statistics.median(side['step_seconds']):8.3f} s a step, peak {max(side['peak_host_bytes']) / 2**20:7.0f} MiB a rank")
    print(f"  reference / ours     {ratio['median']:8.3f}   pairs: {', '.join(f'{one:.3f}' for one in ratio['pairs'])}")
    support.write({"benchmark": "prostate_steps", "machine": machine, "settings": {**vars(options), "work": None, "output": None},
                   "ours": ours, "reference": reference, "losses": losses, "largest_difference": max(differences), "ratio": ratio},
                  options.output or options.work / "prostate_steps.json")
    if options.precision == "fp32" and max(differences) > TOLERANCE:
        sys.exit(f"the losses differ by more than {TOLERANCE}")


if __name__ == "__main__":
    main()
