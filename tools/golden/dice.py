"""Golden values of the Dice loss (MONAI's DiceLoss) and the Dice metric (MONAI's DiceMetric), computed in float64.
Writes tests/golden/dice.{json,f32}.

Logits: stream 910, 8u - 4.  Target: stream 911, u < 0.3, but item 1 channel 2 is empty.  Predicted masks: stream 912, u < 0.4,
but item 1 channel 1 is empty; empty truth meets both an empty and a filled prediction (item 0 channel 0 and item 1 channel 2).
"""

import torch
from monai.losses import DiceLoss
from monai.metrics import compute_dice

from values import uniform, write_f32, write_json

SHAPE = [2, 3, 4, 5, 6]
OPTIONS = {
    "brats": dict(squared_pred=True, smooth_nr=0.0, smooth_dr=1e-5),
    "smooth": dict(squared_pred=False, smooth_nr=1e-3, smooth_dr=1e-2),
}

target = torch.from_numpy(uniform(SHAPE, 911)) < 0.3
target[1, 2] = False
content, arrays = {"shape": SHAPE, "losses": {}}, []
for name, options in OPTIONS.items():
    logits = torch.from_numpy(8 * uniform(SHAPE, 910) - 4).requires_grad_()
    loss = DiceLoss(sigmoid=True, **options)(logits, target.double())
    loss.backward()
    per_item = DiceLoss(sigmoid=True, reduction="none", **options)(logits, target.double()).detach().flatten(1)
    content["losses"][name] = {"options": options, "mean": loss.item(), "per_item": per_item.tolist()}
    arrays.append(logits.grad.numpy())

predicted = torch.from_numpy(uniform(SHAPE, 912)) < 0.4
predicted[1, 1] = False
predicted[0, 0] = False
truth = target.clone()
truth[0, 0] = False
for name, ignore in (("both_empty_is_one", False), ("skip", True)):
    figures = compute_dice(predicted, truth, include_background=True, ignore_empty=ignore).double()
    content[f"metric_{name}"] = [[None if v != v else v for v in row] for row in figures.tolist()]
write_json("dice", content)
write_f32("dice", arrays)
