"""Golden values of the losses of exclusive classes: MONAI's DiceFocalLoss and DiceCELoss, and their parts.
Writes tests/golden/compound_loss.{json,f32}.

Logits: stream 920, 8u - 4.  Labels: stream 921, floor(K u), but item 1 has no voxel of class 1.  All in float64, but
inside the whole losses MONAI makes the one-hot target and the logits of the focal part float32: these agree to float32 only.
The parts get a float64 target, and the focal part is MONAI's function beneath FocalLoss.  Gradients are of the mean over items.
"""

import torch
from monai.losses import DiceCELoss, DiceFocalLoss, DiceLoss
from monai.losses.focal_loss import sigmoid_focal_loss
from monai.networks import one_hot

from values import uniform, write_f32, write_json

SIZE = [4, 5, 6]
PLAIN = dict(include_background=False, smooth_nr=1e-5, smooth_dr=1e-5, squared_pred=False)
OTHER = dict(include_background=True, smooth_nr=1e-2, smooth_dr=1e-1, squared_pred=True)
CASES = {
    "tumor": dict(loss="dice_focal", classes=2, gamma=2.0, lambda_dice=1.0, lambda_other=1.0, **PLAIN),
    "anatomy_focal": dict(loss="dice_focal", classes=3, gamma=2.0, lambda_dice=1.0, lambda_other=1.0, **PLAIN),
    "other_focal": dict(loss="dice_focal", classes=3, gamma=1.5, lambda_dice=0.5, lambda_other=3.0, **OTHER),
    "anatomy": dict(loss="dice_ce", classes=3, gamma=2.0, lambda_dice=1.0, lambda_other=1.0, **PLAIN),
    "other_ce": dict(loss="dice_ce", classes=3, gamma=2.0, lambda_dice=0.5, lambda_other=3.0, **OTHER),
}


def problem(classes):
    logits = torch.from_numpy(8 * uniform([2, classes, *SIZE], 920) - 4).requires_grad_()
    labels = torch.from_numpy(uniform([2, *SIZE], 921) * classes).long()
    labels[1][labels[1] == 1] = 0
    return logits, labels.unsqueeze(1)


def gradient(loss, logits):
    (result,) = torch.autograd.grad(loss, logits)
    return result.numpy()


content, arrays = {"size": SIZE, "cases": {}}, []
for name, case in sorted(CASES.items()):  # the order in which C++ reads them back
    logits, labels = problem(case["classes"])
    dice_options = {key: case[key] for key in PLAIN}
    shared = dict(softmax=True, to_onehot_y=True, lambda_dice=case["lambda_dice"], **dice_options)
    target = one_hot(labels, case["classes"], dtype=torch.float64)
    dice = DiceLoss(softmax=True, reduction="none", **dice_options)(logits, target).flatten(1).mean(1)
    if case["loss"] == "dice_focal":
        whole = DiceFocalLoss(gamma=case["gamma"], lambda_focal=case["lambda_other"], **shared)
        first = 0 if case["include_background"] else 1
        other = sigmoid_focal_loss(logits[:, first:], target[:, first:], case["gamma"]).flatten(1).mean(1)
    else:
        whole = DiceCELoss(lambda_ce=case["lambda_other"], **shared)
        other = torch.nn.CrossEntropyLoss(reduction="none")(logits, labels[:, 0]).flatten(1).mean(1)
    mean = whole(logits, labels)
    parts = [dice, other]
    content["cases"][name] = {"options": case, "mean": mean.item(), "parts": [part.tolist() for part in parts]}
    arrays += [gradient(mean, logits)] + [gradient(part.mean(), logits) for part in parts]
write_json("compound_loss", content)
write_f32("compound_loss", arrays)
