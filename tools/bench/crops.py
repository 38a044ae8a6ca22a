"""Random crops a second: shards against h5py on gzip-chunked HDF5, and against MONAI's transforms on .nii.gz without a cache.

All sides read the same cases, four modalities and the label, with as many reading threads (ours) as processes (references);
files are in the page cache.  "cold" decodes every chunk, "cached" keeps decoded chunks.  ratio = our rate / theirs.
"""
import argparse
import json
import pathlib
import statistics

import crop_reference
import h5py
import nibabel
import numpy
import support

MODALITIES = ("t1", "t1ce", "t2", "flair")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=4, help="phantoms")
    parser.add_argument("--size", type=int, default=160, help="voxels along each axis of a phantom")
    parser.add_argument("--crop", type=int, default=96)
    parser.add_argument("--workers", type=int, default=2, help="threads of ours, processes of the references")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--timed", type=int, default=128, help="crops of ours a run; the references read fewer")
    parser.add_argument("--cache-mb", type=int, default=1024)
    parser.add_argument("--real", type=pathlib.Path, default=support.REAL_CASE,
                        help="a BraTS case folder, measured too where it is there")
    parser.add_argument("--work", type=pathlib.Path, default=support.BUILD / "bench", help="folder for made data")
    parser.add_argument("--output", type=pathlib.Path, default=None, help="default: WORK/crops.json")
    return parser.parse_args()


def case_files(source):
    """Per case: the four images, and the label."""
    return [{"image": [str(case / f"{case.name}_{name}.nii.gz") for name in MODALITIES],
             "label": str(case / f"{case.name}_seg.nii.gz")} for case in sorted(source.iterdir())]


def make_hdf5(file, source, chunk):
    """The same volumes as a user of h5py stores them: gzip 4, `chunk` cubed or (True) h5py's guess."""
    if file.exists():
        return file
    unfinished = file.with_suffix(".part")
    with h5py.File(unfinished, "w") as out:
        for number, case in enumerate(case_files(source)):
            image = numpy.stack([numpy.asarray(nibabel.load(name).dataobj) for name in case["image"]])
            label = numpy.asarray(nibabel.load(case["label"]).dataobj)
            fit = lambda shape: tuple(min(chunk, size) for size in shape)
            group = out.create_group(f"case_{number}")
            group.create_dataset("image", data=image, compression="gzip", compression_opts=4,
                                 chunks=True if chunk is True else (1, *fit(image.shape[1:])))
            group.create_dataset("label", data=label, compression="gzip", compression_opts=4,
                                 chunks=True if chunk is True else fit(label.shape))
    unfinished.rename(file)
    return file


def chunks_of(file):
    with h5py.File(file) as opened:
        return list(opened["case_0/image"].chunks)


def our_side(options, shards, cache_mb, cases):
    output = options.work / "crops_side.json"
    # With a cache: every chunk has been asked for before the clock starts, but for rare corners.
    warm_up = 24 * cases if cache_mb else 8

    def measure():
        output.unlink(missing_ok=True)
        support.run([support.BIN / "crop_bench", "--shards", shards, "--crop", options.crop, "--threads", options.workers,
                     "--cache-mb", cache_mb, "--warm-up", warm_up, "--timed", options.timed, "--output", output])
        return json.loads(output.read_text())

    return measure


def megabytes(path):
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return round(sum(one.stat().st_size for one in files) / 1e6, 1)


def compare(options, name, source):
    work = options.work / name
    work.mkdir(parents=True, exist_ok=True)
    cases = case_files(source)
    zstd, gzip = support.shards(work, source, "zstd"), support.shards(work, source, "gzip")
    cube = make_hdf5(work / f"{source.name}_gzip4_64.h5", source, 64)
    guess = make_hdf5(work / f"{source.name}_gzip4_guess.h5", source, True)
    crops, workers = options.timed // options.workers, options.workers
    slow = max(1, crops // 16)

    def h5py_side(file):
        return lambda: crop_reference.h5py_side(file, options.crop, workers, 1, max(1, crops // 2))

    sides = {"shards_zstd_cold": our_side(options, zstd, 0, len(cases)),
             "h5py_gzip4_64": h5py_side(cube),
             "shards_gzip_cold": our_side(options, gzip, 0, len(cases)),
             "h5py_gzip4_guess": h5py_side(guess),
             "shards_zstd_cached": our_side(options, zstd, options.cache_mb, len(cases)),
             "monai_nifti": lambda: crop_reference.monai_side(cases, options.crop, workers, 1, slow)}
    runs = support.in_turns(sides, options.rounds)
    rates = {side: [one["crops_per_second"] for one in runs[side]] for side in sides}
    ratios = {f"{ours}/{theirs}": support.paired_ratios(rates[ours], rates[theirs])
              for ours in sides if ours.startswith("shards") for theirs in sides if not theirs.startswith("shards")}
    return {"cases": len(cases), "shape": list(nibabel.load(cases[0]["image"][0]).shape),
            "dtype": str(nibabel.load(cases[0]["image"][0]).get_data_dtype()),
            "megabytes": {"nifti": megabytes(source), "shards_zstd": megabytes(zstd), "shards_gzip": megabytes(gzip),
                          "h5py_gzip4_64": megabytes(cube), "h5py_gzip4_guess": megabytes(guess)},
            "h5py_chunks": {"h5py_gzip4_64": chunks_of(cube), "h5py_gzip4_guess": chunks_of(guess)},
            "crops_per_second": rates, "runs": runs, "ratios": ratios}


def print_table(name, result, workers):
    print(f"{name}: {result['cases']} cases of {'x'.join(map(str, result['shape']))} {result['dtype']}, "
          f"{workers} threads or processes")
    for side, rates in result["crops_per_second"].items():
        print(f"  {side:20} {statistics.median(rates):8.2f} crops a second")
    for pair, ratio in result["ratios"].items():
        print(f"  {pair:40} {ratio['median']:7.2f}   pairs: {', '.join(f'{one:.2f}' for one in ratio['pairs'])}")


def main():
    options = arguments()
    machine = support.machine(["h5py", "monai", "nibabel", "numpy", "torch"])
    machine["hdf5"] = h5py.version.hdf5_version
    options.work.mkdir(parents=True, exist_ok=True)
    sources = {"phantoms": support.phantoms(options.work, options.cases, options.size)}
    if options.real.is_dir():
        folder = options.work / "real_cases"
        folder.mkdir(exist_ok=True)
        link = folder / options.real.name
        if not link.exists():
            link.symlink_to(options.real.resolve())
        sources["real"] = folder
    results = {name: compare(options, name, source) for name, source in sources.items()}
    print(f"{machine['cpu']}, {machine['cores']} cores; random {options.crop}^3 crops of 4 channels and label")
    for name, result in results.items():
        print_table(name, result, options.workers)
    kept = ("cases", "size", "crop", "workers", "rounds", "timed", "cache_mb")
    support.write({"benchmark": "crops", "machine": machine, "settings": {name: getattr(options, name) for name in kept},
                   "data": results}, options.output or options.work / "crops.json")


if __name__ == "__main__":
    main()
