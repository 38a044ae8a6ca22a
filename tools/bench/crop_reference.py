"""The references of crop_bench: random crops of image and label by h5py out of HDF5, or by MONAI's transforms out of NIfTI.

Each process reads on its own (h5py holds one lock a process), and crops stay where they were read: no queue between them.
"""
import functools
import multiprocessing
import time

import h5py
import numpy


class H5pyCrops:
    """Cases as groups with `image` [4,D,H,W] and `label` [D,H,W]."""

    def __init__(self, file, crop, seed):
        self.file = h5py.File(file, "r")
        self.cases = sorted(self.file)
        self.crop = crop
        self.random = numpy.random.default_rng(seed)

    def read(self):
        case = self.file[self.cases[self.random.integers(len(self.cases))]]
        start = [self.random.integers(size - self.crop + 1) for size in case["label"].shape]
        box = tuple(slice(first, first + self.crop) for first in start)
        return case["image"][(slice(None), *box)].astype(numpy.float32), case["label"][box]


class MonaiCrops:
    """Cases as dictionaries of files; no cache: every crop loads its volumes."""

    def __init__(self, cases, crop, seed):
        import monai.transforms  # seconds, which the processes of the other side need not spend
        import torch
        torch.set_num_threads(1)
        self.cases = cases
        self.random = numpy.random.default_rng(seed)
        self.transform = monai.transforms.Compose([
            monai.transforms.LoadImaged(["image", "label"], reader="NibabelReader"),
            monai.transforms.EnsureChannelFirstd(["image", "label"]),
            monai.transforms.RandSpatialCropd(["image", "label"], roi_size=(crop,) * 3, random_size=False)])
        self.transform.set_random_state(seed)

    def read(self):
        return self.transform(self.cases[self.random.integers(len(self.cases))])


def _work(make, warm_up, timed, number, ready, results):
    crops = make(seed=number)
    for _ in range(warm_up):
        crops.read()
    ready.wait()
    start = time.monotonic()
    for _ in range(timed):
        crops.read()
    results.put((start, time.monotonic()))


def measure(make, processes, warm_up, timed):
    """Crops per second of `processes` processes that read `timed` crops each, from the first start to the last end."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_work, args=(make, warm_up, timed, number, ready, results))
               for number in range(processes)]
    for worker in workers:
        worker.start()
    spans = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    seconds = max(end for _, end in spans) - min(start for start, _ in spans)
    return {"crops": processes * timed, "seconds": seconds, "crops_per_second": processes * timed / seconds}


def h5py_side(file, crop, processes, warm_up, timed):
    return measure(functools.partial(H5pyCrops, str(file), crop), processes, warm_up, timed)


def monai_side(cases, crop, processes, warm_up, timed):
    return measure(functools.partial(MonaiCrops, cases, crop), processes, warm_up, timed)
