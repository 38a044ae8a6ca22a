"""What the benchmarks share: the machine, the programs, data made once, runs in turns, and the result as JSON."""
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VOX_BUILD_DIR", SOURCE / "build"))
BIN = BUILD / "bin"
REAL_CASE = SOURCE.parent / "shared" / "data" / "brain_1mm" / "TCGA-DU-7294"


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def vector_instructions():
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    return [name for name in ("avx2", "avx512f", "amx_tile") if f" {name} " in flags or f" {name}\n" in flags]


def machine(packages):
    """The machine class and the versions of what was compared."""
    import importlib.metadata
    versions = {name: importlib.metadata.version(name) for name in packages}
    ours = run([BIN / "train", "--version"]).splitlines()[0]
    load = os.getloadavg()[0]
    return {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)), "vector_instructions": vector_instructions(),
            "load_at_start": load, "python": platform.python_version(), "voxrank": ours, **versions}


def environment(threads):
    """Without VOX_* names, which are configuration keys to the programs."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("VOX_")}
    kept.update(OMP_NUM_THREADS=str(threads), OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return kept


def run(command, threads=1):
    """Runs to the end; returns standard output, or stops with what the program said."""
    done = subprocess.run([str(part) for part in command], env=environment(threads), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(part) for part in command)}\nended with {done.returncode}:\n"
                 f"{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def mpirun(ranks):
    """Not bound to cores, as torchrun's processes are not: a stranger on one core then costs both sides alike."""
    return ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-np", ranks]


def phantoms(work, cases, size):
    """A folder of NIfTI cases, made the first time."""
    folder = work / f"phantoms_{cases}_{size}"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        run([BIN / "make_phantoms", "--cases", cases, "--size", size, "--seed", 1, "--output", unfinished])
        unfinished.rename(folder)
    return folder


def shards(work, source, codec="zstd"):
    """A folder of shards of all cases of `source`; conversion goes on where it ended."""
    folder = work / f"{source.name}_shards_{codec}"
    if not (folder / "dataset.json").exists():
        run([BIN / "convert_dataset", "--layout", "brats", "--input", source, "--output", folder, "--split", "1,0,0",
             "--label-scheme", "brats2020", "--codec", codec])
    return folder


def in_turns(sides, rounds):
    """Runs every side once a round, A B C A B C: what disturbs the machine for a while disturbs all of them.

    sides: name -> function that returns the figures of one run.  Returns name -> list of figures."""
    results = {name: [] for name in sides}
    for number in range(rounds):
        for name, side in sides.items():
            results[name].append(side())
            print(f"  run {number + 1}/{rounds} {name}", file=sys.stderr, flush=True)
    return results


def paired_ratios(numerator, denominator):
    """One ratio a round, and their median."""
    ratios = [a / b for a, b in zip(numerator, denominator, strict=True)]
    return {"pairs": ratios, "median": statistics.median(ratios)}


def write(result, output):
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {output}")
