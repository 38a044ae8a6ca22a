"""The step that step_bench is compared with: PyTorch DDP and MONAI's network, loss and optimizer, started by torchrun.

    torchrun --standalone --nproc_per_node 2 step_reference.py --batch DIR --output FILE
    python step_reference.py --recipe prostate_tumor --export-weights FILE      # the weights that both sides begin with
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
import safetensors.torch
import torch
import torch.distributed.nn
from monai.losses import DiceCELoss, DiceFocalLoss, DiceLoss
from monai.networks.nets import SegResNet, UNet
from monai.optimizers import Novograd

REGIONS = ((1, 4), (1, 2, 4), (4,))  # tumour core, whole tumour, enhancing tumour, as labels of brats2020


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="brats")
    parser.add_argument("--batch", type=pathlib.Path)
    parser.add_argument("--batches", type=int, default=1)
    parser.add_argument("--items", type=int, default=1)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--filters", type=int, default=16, help="of brats")
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--timed", type=int, default=8)
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--export-weights", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path)
    return parser.parse_args()


class Brats:
    """SegResNet, sigmoid Dice, AdamW: without vectors in the decay, as a user of the reference gets it, one group, fused."""
    channels = 4

    def network(self, options):
        return SegResNet(spatial_dims=3, init_filters=options.filters, in_channels=4, out_channels=3, dropout_prob=0.2,
                         blocks_down=(1, 2, 2, 4), blocks_up=(1, 1, 1))

    def target(self, label):
        return numpy.stack([numpy.isin(label, values) for values in REGIONS], axis=2).astype(numpy.float32)

    def loss(self):
        return DiceLoss(sigmoid=True, squared_pred=True, smooth_nr=0, smooth_dr=1e-5)

    def optimizer(self, parameters, steps):
        return torch.optim.AdamW(parameters, lr=1e-4, weight_decay=1e-5, fused=True), None


class Prostate:
    """The residual U-Net, Novograd and one cycle of Prostate158, without dropout."""

    def __init__(self, channels, classes, loss):
        self.channels, self.classes, self.loss_class = channels, classes, loss

    def network(self, options):
        return UNet(spatial_dims=3, in_channels=self.channels, out_channels=self.classes, channels=(16, 32, 64, 128, 256, 512),
                    strides=(2, 2, 2, 2, 2), num_res_units=4, norm="BATCH", dropout=0.0)

    def target(self, label):
        return label[:, :, None].astype(numpy.float32)

    def loss(self):
        return self.loss_class(include_background=False, softmax=True, to_onehot_y=True)

    def optimizer(self, parameters, steps):
        optimizer = Novograd(parameters, lr=1e-3, weight_decay=0.01, amsgrad=True)
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=steps)


RECIPES = {"brats": Brats(), "prostate_tumor": Prostate(3, 2, DiceFocalLoss), "prostate_anatomy": Prostate(1, 3, DiceCELoss)}


class SyncBatchNorm(torch.nn.BatchNorm3d):
    """torch.nn.SyncBatchNorm refuses the CPU; this is the same normalisation by two sums over ranks, with gradients through them."""

    def forward(self, x):
        axes = (0, 2, 3, 4)
        count = x.numel() // x.size(1) * torch.distributed.get_world_size()
        mean = torch.distributed.nn.all_reduce(x.sum(axes)) / count
        centred = x - mean.view(1, -1, 1, 1, 1)
        variance = torch.distributed.nn.all_reduce(centred.square().sum(axes)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale.view(1, -1, 1, 1, 1) + self.bias.view(1, -1, 1, 1, 1)


def synchronised(model, device):
    """Batch norms over all ranks: torch's own on GPUs."""
    if device.type == "cuda":
        return torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.__class__ = SyncBatchNorm  # its parameters and buffers stay
    return model


def load_batches(recipe, options, rank, device):
    shape = (options.batches, options.items, options.size, options.size, options.size)
    image = numpy.fromfile(options.batch / f"image_{rank}.f32", numpy.float32).reshape(shape[:2] + (recipe.channels,) + shape[2:])
    label = numpy.fromfile(options.batch / f"label_{rank}.u8", numpy.uint8).reshape(shape)
    return torch.from_numpy(image).to(device), torch.from_numpy(recipe.target(label)).to(device)


def make_network(recipe, options):
    torch.manual_seed(0)
    model = recipe.network(options)
    if options.weights:
        model.load_state_dict(safetensors.torch.load_file(options.weights))
    return model


def make_step(recipe, options, rank, device):
    """One optimizer step as a function that returns the loss."""
    model = make_network(recipe, options).to(device)
    if torch.distributed.get_world_size() > 1:
        model = synchronised(model, device)
    parallel = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    optimizer, schedule = recipe.optimizer(parallel.parameters(), options.warm_up + options.timed)
    loss_function = recipe.loss()
    scaler = torch.amp.GradScaler(enabled=options.precision == "fp16")
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(options.precision)
    images, targets = load_batches(recipe, options, rank, device)
    number = 0

    def step():
        nonlocal number
        image, target = images[number % options.batches], targets[number % options.batches]
        number += 1
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(options.device, half) if half else contextlib.nullcontext():
            logits = parallel(image)
        loss = loss_function(logits.float(), target)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if schedule:
            schedule.step()
        return loss.item()

    return step, sum(parameter.numel() for parameter in model.parameters())


def peak_host_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def of_all_ranks(value, world_size):
    values = [None] * world_size
    torch.distributed.all_gather_object(values, value)
    return values


def mean_over_ranks(losses, world_size):
    """Each rank sees its own items: the loss of the step is the mean."""
    return [sum(of_one) / world_size for of_one in zip(*of_all_ranks(losses, world_size), strict=True)]


def main():
    options = arguments()
    recipe = RECIPES[options.recipe]
    if options.export_weights:
        safetensors.torch.save_file(make_network(recipe, options).state_dict(), options.export_weights)
        return
    cuda = options.device == "cuda"
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
    rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    step, parameters = make_step(recipe, options, rank, device)

    losses = [step() for _ in range(options.warm_up)]
    torch.distributed.barrier()
    seconds, cpu_before = [], time.process_time()
    for _ in range(options.timed):
        start = time.perf_counter()
        losses.append(step())
        seconds.append(time.perf_counter() - start)
    cpu_seconds = (time.process_time() - cpu_before) / options.timed

    result = {"losses": mean_over_ranks(losses, world_size), "step_seconds": seconds, "cpu_seconds": cpu_seconds,
              "parameters": parameters, "ranks": world_size,
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
