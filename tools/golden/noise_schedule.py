"""Golden values of noise schedules and of what DDIM and DDPM make of a prediction (MONAI's schedulers).  Writes
tests/golden/noise_schedule.json.

Needs torch and monai: pip install torch==2.11.0 monai==1.6.1 into an environment of its own.
"""
import torch
from monai.networks.schedulers import DDIMScheduler
from monai.networks.schedulers.scheduler import NoiseSchedules

from values import write_json

# torch's cosine of a float32 line rounds; in float64 MONAI's formulas are exact to what this project computes.
torch.set_default_dtype(torch.float64)
AT = [0, 1, 99, 499, 899, 990, 999]
NAMES = {"linear": "linear_beta", "quad": "scaled_linear_beta", "sigmoid": "sigmoid_beta", "cosine": "cosine"}


def schedule(name):
    made = NoiseSchedules[NAMES[name]](1000)
    betas = made[0] if isinstance(made, tuple) else made.double()
    bars = torch.cumprod(1 - betas.double(), 0)
    return {"betas": [betas[t].item() for t in AT], "alpha_bars": [bars[t].item() for t in AT]}


ddim = {str(steps): None for steps in (10, 50, 7)}
for steps in ddim:
    scheduler = DDIMScheduler(num_train_timesteps=1000)
    scheduler.set_timesteps(int(steps))
    ddim[steps] = sorted(scheduler.timesteps.tolist())

write_json("noise_schedule", {"at": AT, "schedules": {name: schedule(name) for name in NAMES}, "ddim": ddim})
