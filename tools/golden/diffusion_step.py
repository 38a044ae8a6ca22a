"""Golden values of single steps of DDIM and DDPM (MONAI's schedulers, in float64).  Writes tests/golden/diffusion_step.{json,f32}.

Needs torch and monai: pip install torch==2.11.0 monai==1.6.1 into an environment of its own.
x, prediction and noise are uniform values of the layers 950, 951 and 952 (tools/golden/values.py), times 4, minus 2.
"""
from unittest import mock

import torch
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler

from values import uniform, write_f32, write_json

SIZE = [2, 1, 3, 4, 5]
x, prediction, noise = (torch.tensor(uniform(SIZE, layer)).double().view(SIZE) * 4 - 2 for layer in (950, 951, 952))
KINDS = {"epsilon": "epsilon", "sample": "sample", "v": "v_prediction"}
cases, arrays = [], []


def add(scheduler, sampler, kind, clip, t, previous, **step):
    scheduler.alphas_cumprod = torch.cumprod(1 - scheduler.betas.double(), 0)
    scheduler.alphas = 1 - scheduler.betas.double()
    scheduler.betas = scheduler.betas.double()
    with mock.patch("torch.randn", lambda *_, **__: noise):
        result, _ = scheduler.step(prediction, t, x, **step)
    cases.append(dict(sampler=sampler, prediction=kind, clip=clip, t=t, previous=previous, eta=step.get("eta", 0)))
    arrays.append(result.numpy())


for kind, name in KINDS.items():
    for clip in (False, True):
        for eta in (0.0, 0.6):
            for t, previous in ((980, 960), (500, 480), (20, 0), (0, -1)):
                scheduler = DDIMScheduler(1000, "linear_beta", clip_sample=clip, prediction_type=name)
                scheduler.set_timesteps(50)
                add(scheduler, "ddim", kind, clip, t, previous, eta=eta)
        for t in (999, 500, 1, 0):
            add(DDPMScheduler(1000, "linear_beta", clip_sample=clip, prediction_type=name), "ddpm", kind, clip, t, t - 1)

write_json("diffusion_step", {"size": SIZE, "cases": cases})
write_f32("diffusion_step", arrays)
