"""Time of one optimizer step: Voxrank against PyTorch DDP with MONAI's SegResNet, in turns on the same machine.

Both sides do forward, Dice loss, backward, all-reduce and AdamW on the same batch, which lies in memory, with dropout 0.2 and
one thread a rank; nothing is validated, logged or saved.  ratio = reference time / ours: above 1 we are faster.
"""
import argparse
import json
import pathlib
import statistics
import sys

import numpy
import support


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="compute threads of a rank, on both sides")
    parser.add_argument("--items", type=int, default=1, help="batch size of a rank")
    parser.add_argument("--size", type=int, default=64, help="voxels along each axis of a crop")
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2, help="steps before the timed ones")
    parser.add_argument("--timed", type=int, default=8, help="steps that a run times")
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--backend", default="auto", help="ours: comm.backend")
    parser.add_argument("--set", action="append", default=[], help="ours: key=value of the configuration")
    parser.add_argument("--work", type=pathlib.Path, default=support.BUILD / "bench", help="folder for made data")
    parser.add_argument("--output", type=pathlib.Path, default=None, help="default: WORK/step_time.json")
    return parser.parse_args()


def make_batch(folder, options):
    """One batch a rank: noise with a bright ball, whose shells are the labels, so that no region is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    axis = numpy.linspace(-1, 1, options.size, dtype=numpy.float32)
    radius = numpy.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    label = numpy.select([radius < 0.25, radius < 0.4, radius < 0.6], [4, 1, 2], 0).astype(numpy.uint8)
    for rank in range(options.ranks):
        noise = numpy.random.default_rng(rank).standard_normal((options.items, 4) + label.shape, dtype=numpy.float32)
        (noise + label).tofile(folder / f"image_{rank}.f32")
        numpy.repeat(label[None], options.items, axis=0).tofile(folder / f"label_{rank}.u8")
    return folder


def sides(options, batch, shards):
    output = options.work / "step_side.json"
    common = ["--batch", batch, "--items", options.items, "--size", options.size, "--warm-up", options.warm_up,
              "--timed", options.timed, "--output", output]
    settings = [f"data.batch_size={options.items}", f"model.init_filters={options.filters}",
                f"train.precision={options.precision}", f"train.threads_per_rank={options.threads}",
                f"comm.device={options.device}", f"comm.backend={options.backend}", *options.set]
    ours = [*support.mpirun(options.ranks), support.BIN / "step_bench", "--config",
            support.SOURCE / "tools/bench/step.yaml", "--data", shards, *common]
    for one in settings:
        ours += ["--set", one]
    reference = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", options.ranks,
                 support.SOURCE / "tools/bench/step_reference.py", *common, "--filters", options.filters,
                 "--precision", options.precision, "--device", options.device]

    def measure(command):
        output.unlink(missing_ok=True)
        support.run(command, options.threads)
        return json.loads(output.read_text())

    return {"reference": lambda: measure(reference), "ours": lambda: measure(ours)}


def summary(runs):
    """What the runs of one side have in common, and their times."""
    last = runs[-1]
    return {"step_seconds": [statistics.median(one["step_seconds"]) for one in runs],
            "all_step_seconds": [one["step_seconds"] for one in runs],
            "cpu_seconds": [one["cpu_seconds"] for one in runs],
            "peak_host_bytes": [max(one["peak_host_bytes"][rank] for one in runs) for rank in range(last["ranks"])],
            "peak_device_bytes": last["peak_device_bytes"], "first_loss": last["losses"][0],
            "last_loss": last["losses"][-1], "parameters": last["parameters"], "backend": last["backend"],
            "device": last["device"], "threads_per_rank": last["threads_per_rank"],
            **({"exposed_communication_seconds": [one["exposed_communication_seconds"] for one in runs]}
               if "exposed_communication_seconds" in last else {})}


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    machine = support.machine(["torch", "monai"])
    batch = make_batch(options.work / "step_batch", options)
    shards = support.shards(options.work, support.phantoms(options.work, 1, 48))
    runs = support.in_turns(sides(options, batch, shards), options.pairs)
    ours, reference = summary(runs["ours"]), summary(runs["reference"])
    if ours["parameters"] != reference["parameters"]:
        sys.exit(f"the networks differ: {ours['parameters']} and {reference['parameters']} parameters")
    ratio = support.paired_ratios(reference["step_seconds"], ours["step_seconds"])
    kept = ("ranks", "threads", "items", "size", "filters", "pairs", "warm_up", "timed", "precision", "device")
    settings = {name: getattr(options, name) for name in kept}
    print(f"{machine['cpu']}, {machine['cores']} cores; {options.ranks} ranks x {options.threads} threads, "
          f"{options.precision}, {options.items} x {options.size}^3 a rank, {ours['parameters']} parameters")
    for name, side in (("Voxrank", ours), ("PyTorch DDP + MONAI", reference)):
        print(f"  {name:20} {statistics.median(side['step_seconds']):8.3f} s a step, "
              f"{statistics.median(side['cpu_seconds']):7.3f} s of CPU, peak {max(side['peak_host_bytes']) / 2**20:7.0f} MiB a rank, {side['backend']}")
    print(f"  reference / ours     {ratio['median']:8.3f}   pairs: {', '.join(f'{one:.3f}' for one in ratio['pairs'])}")
    support.write({"benchmark": "step_time", "machine": machine, "settings": settings, "ours": ours,
                   "reference": reference, "ratio": ratio}, options.output or options.work / "step_time.json")


if __name__ == "__main__":
    main()
