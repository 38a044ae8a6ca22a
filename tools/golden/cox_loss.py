"""Golden values of losses of survival.  Writes tests/golden/cox_loss.json.

Values by Breslow and by Efron are those of scikit-survival's optimizer and, by Efron, of lifelines too (both have one column, the
risk, whose coefficient is 1); gradients are torch's, of sums that are written out person by person.

Needs scikit-survival 0.28.0, lifelines 0.30.3 and torch: pip install scikit-survival==0.28.0 lifelines==0.30.3 torch.

n people from streams s, s + 1, s + 2:
  time  = uniform(n, s), or floor(levels * uniform(n, s)) where times tie;
  event = uniform(n, s + 1) < events;
  risk  = scale * (2 * uniform(n, s + 2) - 1).
"""

import math

import numpy as np
import pandas
import torch
from lifelines.fitters.coxph_fitter import SemiParametricPHFitter
from sksurv.linear_model.coxph import CoxPHOptimizer

from values import uniform, write_json

BATCHES = {
    "plain": dict(n=30, stream=1450, levels=0, events=0.6, scale=2.0),
    "ties": dict(n=40, stream=1454, levels=5, events=0.6, scale=2.0),
    "one_time": dict(n=12, stream=1458, levels=1, events=0.7, scale=1.0),
    "heavy_censoring": dict(n=60, stream=1462, levels=20, events=0.06, scale=3.0),
    "large_risks": dict(n=40, stream=1466, levels=6, events=0.6, scale=100.0),
}


def batch(b):
    place, chance, height = (uniform((b["n"],), b["stream"] + k) for k in range(3))
    time = np.floor(b["levels"] * place) if b["levels"] else place
    return time, chance < b["events"], b["scale"] * (2 * height - 1)


def log_weighted(terms):
    """log of the sum of w exp(x) over (w, x), whose largest x comes out first."""
    largest = max(x.item() for _, x in terms)
    return largest + torch.log(sum(w * torch.exp(x - largest) for w, x in terms))


def written_out(time, event, risk, efron):
    loss = 0 * risk.sum()
    for t in np.unique(time[event]):
        dead = [i for i in range(len(time)) if event[i] and time[i] == t]
        others = [i for i in range(len(time)) if time[i] >= t and i not in dead]
        for k in range(len(dead)):
            w = 1 - k / len(dead) if efron else 1.0
            loss = loss + log_weighted([(1.0, risk[j]) for j in others] + [(w, risk[j]) for j in dead]) - risk[dead[k]]
    return loss


def pairwise(time, event, risk):
    """Every pair by itself: its loss, and how many there are."""
    loss, pairs = 0 * risk.sum(), 0
    for i in range(len(time)):
        for j in range(len(time)):
            if event[i] and (time[j] > time[i] or (time[j] == time[i] and not event[j])):
                loss = loss + torch.logaddexp(risk[j] - risk[i], torch.zeros((), dtype=torch.float64)) / math.log(2)
                pairs += 1
    return loss, pairs


def with_gradient(function, time, event, risk):
    leaf = torch.tensor(risk, requires_grad=True)
    value = function(time, event, leaf)
    value.backward()
    return dict(value=value.item(), gradient=leaf.grad.tolist())


def lifelines_value(time, event, risk):
    order = np.lexsort((event, time))
    column = pandas.DataFrame(dict(x=risk[order]))
    outcomes = pandas.Series(time[order]), pandas.Series(event[order]), pandas.Series(np.ones(len(time)))
    _, _, log_likelihood = SemiParametricPHFitter()._get_efron_values_single(column, *outcomes, None, np.array([1.0]))
    return -float(log_likelihood)


def close(a, b):
    assert abs(a - b) <= 1e-10 * max(1, abs(b)), (a, b)


content = {}
for name, b in BATCHES.items():
    time, event, risk = batch(b)
    entry = dict(batch=b, event_count=int(event.sum()))
    for ties in ("breslow", "efron"):
        reference = CoxPHOptimizer(risk[:, None], event, time, alpha=np.zeros(1), ties=ties).nlog_likelihood(np.ones(1)) * len(time)
        entry[ties] = with_gradient(lambda t, e, r: written_out(t, e, r, ties == "efron"), time, event, risk)
        close(entry[ties]["value"], reference)
        entry[ties]["value"] = float(reference)
    entry["lifelines_efron"] = lifelines_value(time, event, risk)
    close(entry["lifelines_efron"], entry["efron"]["value"])
    entry["pairwise"] = with_gradient(lambda t, e, r: pairwise(t, e, r)[0], time, event, risk)
    entry["pairs"] = pairwise(time, event, torch.tensor(risk))[1]
    content[name] = entry
write_json("cox_loss", content)
