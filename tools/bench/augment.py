"""One crop (96^3 voxels, three channels and a label), moved in every way: our one sampling against MONAI's RandAffined, RandRotated,
RandZoomd and Rand3DElasticd one after another, with the same ranges and padding, one thread each.

Every draw is different.  A run's figure is the median of its crops, after one that is not counted; ratio = MONAI / ours, the median
over runs in turns.
"""
import argparse
import pathlib
import statistics
import time

from support import BIN, BUILD, in_turns, machine, paired_ratios, run, write


def monai_chain():
    from monai.transforms import Compose, Rand3DElasticd, RandAffined, RandRotated, RandZoomd

    both = dict(keys=["image", "label"], prob=1)
    modes = dict(mode=["bilinear", "nearest"], padding_mode="border")
    return Compose([
        RandAffined(rotate_range=5, shear_range=0.5, translate_range=25, **both, **modes),
        RandRotated(range_x=0.1, range_y=0.1, range_z=0.1, **both, **modes),
        RandZoomd(min_zoom=0.9, max_zoom=1.1, mode=["trilinear", "nearest"], padding_mode="edge", **both),
        Rand3DElasticd(sigma_range=[0.5, 1.5], magnitude_range=[0.5, 1.5], **both, **modes),
    ]).set_random_state(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side")
    parser.add_argument("--crops", type=int, default=5, help="crops of a run")
    parser.add_argument("--size", type=int, default=96, help="edge of the crop")
    parser.add_argument("--work", type=pathlib.Path, default=BUILD / "bench", help="folder of the result")
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    chain = monai_chain()
    image = torch.rand(3, *3 * [arguments.size])
    label = image[:1].mul(4).floor()

    def ours():
        return statistics.median(float(line) for line in run([BIN / "augment_bench", "--size", arguments.size, "--crops", arguments.crops]).split())

    def monai():
        seconds = []
        for _ in range(arguments.crops + 1):
            start = time.perf_counter()
            chain({"image": image, "label": label})
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds[1:])

    result = {"benchmark": "augment", "size": arguments.size, "machine": machine(["torch", "monai"])}
    seconds = in_turns({"ours": ours, "monai": monai}, arguments.rounds)
    ratios = paired_ratios(seconds["monai"], seconds["ours"])
    write(result | {"seconds": seconds, "ratio": ratios}, arguments.work / "augment.json")
    print(f"ours {statistics.median(seconds['ours']) * 1e3:.0f} ms, monai {statistics.median(seconds['monai']) * 1e3:.0f} ms a crop: "
          f"{ratios['median']:.2f} x ({min(ratios['pairs']):.2f} to {max(ratios['pairs']):.2f})")


main()
