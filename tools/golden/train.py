"""Writes tests/golden/train/{optimizers,schedules,novograd}.json: what torch.optim and MONAI's Novograd compute.
Usage: train.py TESTS_GOLDEN_FOLDER"""

import json
import math
import sys
from pathlib import Path

import torch
from monai.optimizers import Novograd

SHAPES = {"conv.weight": (3, 2, 2, 2, 2), "conv.bias": (3,), "head.weight": (2, 5)}
STEPS = 20


def wave(count, phase):
    return torch.tensor([math.sin(0.7 * i + phase) for i in range(count)], dtype=torch.float64)


def values_of(parameters):
    return {name: parameter.detach().double().flatten().tolist() for name, parameter in parameters.items()}


def run(make, dtype, make_schedule=None):
    """Parameters after each of 20 steps on a gradient that depends on them; the same formulas are in
    tests/train/optimizers_test.cpp."""
    torch.set_default_dtype(dtype)  # Novograd keeps its second moments in it
    parameters = {
        name: torch.nn.Parameter(wave(math.prod(shape), 0.3 * index).reshape(shape).to(dtype))
        for index, (name, shape) in enumerate(SHAPES.items())
    }
    optimizer = make(parameters)
    schedule = make_schedule(optimizer) if make_schedule else None
    after = []
    for step in range(STEPS):
        for parameter in parameters.values():
            push = wave(parameter.numel(), 1.0 + step).reshape(parameter.shape).to(dtype)
            parameter.grad = 0.3 * parameter.detach() + push
        if schedule is None:
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * (1 + step % 3)
        optimizer.step()
        if schedule is not None:
            schedule.step()
        after.append(values_of(parameters))
    torch.set_default_dtype(torch.float32)
    return after


def split(parameters, weight_decay):
    vectors = [p for p in parameters.values() if p.dim() <= 1]
    others = [p for p in parameters.values() if p.dim() > 1]
    return [{"params": vectors, "weight_decay": 0.0}, {"params": others, "weight_decay": weight_decay}]


def optimizers():
    def adamw(p):
        return torch.optim.AdamW(split(p, 0.05), lr=1, betas=(0.8, 0.95), eps=1e-6, foreach=False, fused=False)

    def adamw_all(p):
        return torch.optim.AdamW(p.values(), lr=1, weight_decay=0.05, betas=(0.8, 0.95), eps=1e-6, foreach=False)

    def nesterov(p):
        return torch.optim.SGD(split(p, 0.05), lr=1, momentum=0.9, nesterov=True, foreach=False)

    def heavy_ball(p):
        return torch.optim.SGD(split(p, 0.05), lr=1, momentum=0.9, foreach=False)

    def plain(p):
        return torch.optim.SGD(split(p, 0.05), lr=1, foreach=False)

    def adamw_amsgrad(p):
        return torch.optim.AdamW(split(p, 0.05), lr=1, betas=(0.8, 0.95), eps=1e-6, amsgrad=True, foreach=False)

    def adam(p):
        return torch.optim.Adam(split(p, 0.05), lr=1, betas=(0.8, 0.95), eps=1e-6, foreach=False)

    def adam_amsgrad(p):
        return torch.optim.Adam(split(p, 0.05), lr=1, betas=(0.8, 0.95), eps=1e-6, amsgrad=True, foreach=False)

    cases = {"adamw": adamw, "adamw_decay_all": adamw_all, "sgd_nesterov": nesterov, "sgd_momentum": heavy_ball, "sgd": plain,
             "adamw_amsgrad": adamw_amsgrad, "adam": adam, "adam_amsgrad": adam_amsgrad}
    cases |= {name: make for name, (make, _) in novograd_cases().items()}
    schedule_of = {name: schedule for name, (_, schedule) in novograd_cases().items()}
    return {
        name: {key: run(make, getattr(torch, key), schedule_of.get(name))[-1] for key in ("float64", "float32")}
        for name, make in cases.items()
    }


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.03, total_steps=STEPS)


def novograd_cases():
    """The third is the recipe of Prostate158: amsgrad, betas by default, everything decays, one cycle of rate and beta1."""

    def plain(p):
        return Novograd(split(p, 0.05), lr=1, betas=(0.8, 0.95), eps=1e-6)

    def amsgrad(p):
        return Novograd(split(p, 0.05), lr=1, betas=(0.8, 0.95), eps=1e-6, amsgrad=True)

    def recipe(p):
        return Novograd(p.values(), lr=1e-3, weight_decay=0.01, amsgrad=True)

    return {"novograd": (plain, None), "novograd_amsgrad": (amsgrad, None), "novograd_onecycle": (recipe, one_cycle)}


def novograd():
    """In float64, after each step."""
    return {name: run(make, torch.float64, schedule) for name, (make, schedule) in novograd_cases().items()}


def one_cycle_rates(make, steps, **options):
    """The rate and the momentum of each of `steps` optimizer steps, peak 0.1."""
    optimizer = make([torch.nn.Parameter(torch.zeros(1))])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps, **options)
    result = {"lr": [], "momentum": []}
    for step in range(steps):
        group = optimizer.param_groups[0]
        result["lr"].append(group["lr"])
        result["momentum"].append(group["betas"][0] if "betas" in group else group["momentum"])
        optimizer.step()
        if step + 1 < steps:
            schedule.step()
    return result


def rates(make, steps):
    """The rate of each of `steps` optimizer steps, peak 0.1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = make(optimizer)
    result = []
    for _ in range(steps):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return result


def plateau(mode, figures):
    """The rate after each validation."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.5, patience=2, threshold=0.01, min_lr=0.02, eps=0)
    result = []
    for figure in figures:
        schedule.step(figure)
        result.append(optimizer.param_groups[0]["lr"])
    return result


NAN = float("nan")
# Progress by less and by more than 0.01, gaps, and figures of both signs.
ODD_FIGURES = [NAN, 0.30, 0.305, NAN, 0.309, 0.3095, 0.311, 0.32, NAN, NAN, NAN, 0.319, 0.40, 0.404, 0.4079, 0.412, -0.2, NAN, 0.5]
NEGATIVE_FIGURES = [-1.0, -1.0, -1.0, -1.0, -1.0, -0.5, -0.6, NAN, -0.6, -0.4]


def written(figures):
    """JSON has no NaN."""
    return [None if figure != figure else figure for figure in figures]


def without_progress(mode, threshold_mode, threshold, figures):
    """torch's own count of validations without progress after each, never started anew by a lower rate."""
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1), mode=mode, patience=10**6, threshold=threshold,
        threshold_mode=threshold_mode)
    counts = []
    for figure in figures:
        schedule.step(figure)
        counts.append(schedule.num_bad_epochs)
    return counts


def early_stopping():
    cases = []
    for mode in ("max", "min"):
        for kind, threshold in (("abs", 0.0), ("abs", 0.01), ("rel", 0.02)):
            figures = [figure if mode == "max" else 1 - figure for figure in ODD_FIGURES if kind == "abs" or not figure < 0]
            cases.append({"higher_is_better": mode == "max", "mode": {"abs": "absolute", "rel": "relative"}[kind],
                          "min_delta": threshold, "figures": written(figures),
                          "without_progress": without_progress(mode, kind, threshold, figures)})
    return cases


def schedules():
    from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, LinearLR, PolynomialLR, SequentialLR

    def warm(after):
        return lambda o: SequentialLR(o, [LinearLR(o, start_factor=0.05, total_iters=5), after(o)], milestones=[5])

    figures = [0.30, 0.40, 0.401, 0.402, 0.403, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.7]
    return {
        "cosine": rates(lambda o: CosineAnnealingLR(o, T_max=30, eta_min=0.001), 30),
        "poly": rates(lambda o: PolynomialLR(o, total_iters=30, power=0.9), 30),
        "cosine_restarts": rates(lambda o: CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=0.001), 30),
        "cosine_restarts_equal": rates(lambda o: CosineAnnealingWarmRestarts(o, T_0=4, T_mult=1, eta_min=0.001), 30),
        "constant_warmup": rates(warm(lambda o: ConstantLR(o, factor=1.0)), 30),
        "cosine_warmup": rates(warm(lambda o: CosineAnnealingLR(o, T_max=25, eta_min=0.001)), 30),
        "poly_warmup": rates(warm(lambda o: PolynomialLR(o, total_iters=25, power=0.9)), 30),
        "onecycle": one_cycle_rates(Novograd, 30),
        "onecycle_sgd": one_cycle_rates(lambda p: torch.optim.SGD(p, lr=1, momentum=0.5), 30),
        "onecycle_other": one_cycle_rates(Novograd, 31, pct_start=0.45, div_factor=10.0, final_div_factor=50.0,
                                          base_momentum=0.5, max_momentum=0.75),
        "onecycle_falls": one_cycle_rates(Novograd, 7, pct_start=0.0),
        "onecycle_rises": one_cycle_rates(Novograd, 7, pct_start=1.0),
        "onecycle_of_two": one_cycle_rates(Novograd, 2),
        "plateau_figures": figures,
        "plateau_max": plateau("max", figures),
        "plateau_min": plateau("min", [1 - figure for figure in figures]),
        "plateau_odd_figures": written(ODD_FIGURES),
        "plateau_odd": plateau("max", ODD_FIGURES),
        "plateau_negative_figures": written(NEGATIVE_FIGURES),
        "plateau_negative": plateau("max", NEGATIVE_FIGURES),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "train"
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in {"optimizers": optimizers(), "schedules": schedules(), "novograd": novograd(),
                         "early_stopping": early_stopping()}.items():
        (folder / f"{name}.json").write_text(json.dumps(values, indent=None, separators=(",", ":")) + "\n")
