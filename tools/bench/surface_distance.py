"""HD95 and ASSD of one pair of masks, 60x192x192 voxels of 3x0.5x0.5 mm: ours against medpy and MONAI, one thread each.

"near": both masks in the middle.  "corners": the prediction has a voxel in two corners more, so that cropping helps
nobody.  All sides compute both figures; ours finds the distances once for them, medpy and MONAI anew for each, as their
functions do.  ratio = their time / ours, the median over rounds in turns.  Needs medpy, scipy, monai and a build: run it
with the environment that tools/golden/surface_distance.py names.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")
SPACING = [3.0, 0.5, 0.5]
BUILD = pathlib.Path(os.environ.get("VOX_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build"))


def ellipsoid(centre, radii):
    place = np.meshgrid(*[np.arange(n, dtype=np.float64) for n in (60, 192, 192)], indexing="ij")
    x, y, z = ((p - c) / r for p, c, r in zip(place, centre, radii))
    return x * x + y * y + z * z <= 1


def timed(function):
    start = time.perf_counter()
    figures = function()
    return [time.perf_counter() - start, *figures]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=pathlib.Path, default=BUILD / "bench" / "surface_distance.json")
    arguments = parser.parse_args()

    import monai
    import torch
    from medpy.metric import binary
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    torch.set_num_threads(1)
    truth = ellipsoid([30, 95, 96], [8.3, 49.1, 50.2])
    result = {"monai": monai.__version__, "load_at_start": os.getloadavg()[0]}
    for corners, name in enumerate(("near", "corners")):
        predicted = ellipsoid([29, 97, 93], [9.1, 52.3, 47.7])
        if corners:
            predicted[0, 0, 0] = predicted[59, 191, 191] = True
        one_hot = [torch.from_numpy(mask)[None, None] for mask in (predicted, truth)]
        options = dict(include_background=True, spacing=SPACING)
        sides = {
            "ours": lambda: [float(x) for x in subprocess.run(
                [BUILD / "bin" / "surface_distance_bench", *(["--corners"] if corners else [])], check=True,
                capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}).stdout.splitlines()[-1].split()],
            "medpy": lambda: timed(lambda: (binary.hd95(predicted, truth, SPACING), binary.assd(predicted, truth, SPACING))),
            "monai": lambda: timed(lambda: (compute_hausdorff_distance(*one_hot, percentile=95, **options).item(),
                                            compute_average_surface_distance(*one_hot, symmetric=True, **options).item())),
        }
        runs = {side: [] for side in sides}
        for _ in range(arguments.rounds):
            for side, run in sides.items():
                runs[side].append(run())
        _, pooled, directed, average = runs["ours"][0]
        np.testing.assert_allclose(runs["medpy"][0][1:], [pooled, average], rtol=1e-12)
        np.testing.assert_allclose(runs["monai"][0][1:], [directed, average], rtol=1e-6)
        seconds = {side: [values[0] for values in rounds] for side, rounds in runs.items()}
        ratios = {side: statistics.median(theirs / ours for theirs, ours in zip(seconds[side], seconds["ours"]))
                  for side in ("medpy", "monai")}
        result[name] = {"seconds": seconds, "ratio": ratios, "hd95_pooled": pooled, "hd95_max_directed": directed, "assd": average}
        print(f"{name}: ours {statistics.median(seconds['ours']) * 1e3:.1f} ms; medpy {ratios['medpy']:.1f} x, "
              f"monai {ratios['monai']:.1f} x that")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")


main()
