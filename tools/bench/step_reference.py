"""The step that step_bench is compared with: PyTorch DDP and MONAI's SegResNet and DiceLoss, started by torchrun.

    torchrun --standalone --nproc_per_node 2 step_reference.py --batch DIR --output FILE
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import sys
import time

import numpy
import torch
from monai.losses import DiceLoss
from monai.networks.nets import SegResNet

REGIONS = ((1, 4), (1, 2, 4), (4,))  # tumour core, whole tumour, enhancing tumour, as labels of brats2020


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=pathlib.Path, required=True)
    parser.add_argument("--items", type=int, default=1)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--timed", type=int, default=8)
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    return parser.parse_args()


def load_batch(options, rank, device):
    shape = (options.items, options.size, options.size, options.size)
    image = numpy.fromfile(options.batch / f"image_{rank}.f32", numpy.float32).reshape(shape[:1] + (4,) + shape[1:])
    label = numpy.fromfile(options.batch / f"label_{rank}.u8", numpy.uint8).reshape(shape)
    masks = numpy.stack([numpy.isin(label, values) for values in REGIONS], axis=1)
    return torch.from_numpy(image).to(device), torch.from_numpy(masks.astype(numpy.float32)).to(device)


def make_step(options, rank, device):
    """One optimizer step as a function that returns the loss."""
    torch.manual_seed(0)
    model = SegResNet(spatial_dims=3, init_filters=options.filters, in_channels=4, out_channels=3, dropout_prob=0.2,
                      blocks_down=(1, 2, 2, 4), blocks_up=(1, 1, 1)).to(device)
    parallel = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    # Without vectors in the decay, as a user of the reference gets it: one group, fused.
    optimizer = torch.optim.AdamW(parallel.parameters(), lr=1e-4, weight_decay=1e-5, fused=True)
    loss_function = DiceLoss(sigmoid=True, squared_pred=True, smooth_nr=0, smooth_dr=1e-5)
    scaler = torch.amp.GradScaler(enabled=options.precision == "fp16")
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(options.precision)
    image, target = load_batch(options, rank, device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(options.device, half) if half else contextlib.nullcontext():
            logits = parallel(image)
        loss = loss_function(logits.float(), target)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.item()

    return step, sum(parameter.numel() for parameter in model.parameters())


def peak_host_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def of_all_ranks(value, world_size):
    values = [None] * world_size
    torch.distributed.all_gather_object(values, value)
    return values


def main():
    options = arguments()
    cuda = options.device == "cuda"
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
    rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    step, parameters = make_step(options, rank, device)

    losses = [step() for _ in range(options.warm_up)]
    torch.distributed.barrier()
    seconds, cpu_before = [], time.process_time()
    for _ in range(options.timed):
        start = time.perf_counter()
        losses.append(step())
        seconds.append(time.perf_counter() - start)
    cpu_seconds = (time.process_time() - cpu_before) / options.timed

    result = {"losses": losses, "step_seconds": seconds, "cpu_seconds": cpu_seconds, "parameters": parameters, "ranks": world_size,
              "threads_per_rank": torch.get_num_threads(), "device": str(device),
              "backend": torch.distributed.get_backend(),
              "peak_host_bytes": of_all_ranks(peak_host_bytes(), world_size),
              "peak_device_bytes": of_all_ranks(torch.cuda.max_memory_allocated(device) if cuda else 0, world_size)}
    if rank == 0:
        options.output.write_text(json.dumps(result))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    sys.stdout.flush()
    os._exit(0)  # at the interpreter's own end a thread of gloo sometimes aborts the process; all figures are written


if __name__ == "__main__":
    main()
