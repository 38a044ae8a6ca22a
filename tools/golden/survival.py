"""Golden values of the figures of survival (scikit-survival, lifelines).  Writes tests/golden/survival.json.

Needs scikit-survival and lifelines (tools/requirements.txt).

A cohort of n people from streams s, s + 1, s + 2:
  time   = low + span * uniform(n, s), or low + span * floor(levels * uniform(n, s)) / levels where times tie;
  event  = uniform(n, s + 1) < events;
  risk   = 4 * uniform(n, s + 2) - 2, or -2 + floor(risk_levels * uniform(n, s + 2)) / 4 where risks tie, plus near * uniform(n, s + 1).
"""

import math

import numpy as np
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from sksurv.linear_model.coxph import BreslowEstimator
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.nonparametric import CensoringDistributionEstimator, kaplan_meier_estimator
from sksurv.util import Surv

from values import uniform, write_json

COHORTS = {
    "plain": dict(n=80, stream=1400, low=0.1, span=6.0, levels=0, events=0.6, risk_levels=0, near=0.0),
    "ties": dict(n=120, stream=1404, low=0.5, span=6.0, levels=12, events=0.5, risk_levels=7, near=0.0),
    "heavy_censoring": dict(n=100, stream=1408, low=0.25, span=5.0, levels=20, events=0.08, risk_levels=0, near=0.0),
    "events_only": dict(n=40, stream=1412, low=0.1, span=5.0, levels=10, events=2.0, risk_levels=5, near=0.0),
    # Differences below, at about, and above the tolerance for ties: a is near b and b near c, but not a near c.
    "near_ties": dict(n=90, stream=1416, low=0.5, span=4.0, levels=15, events=0.7, risk_levels=4, near=3e-8),
    "two": dict(n=2, stream=1420, low=0.5, span=4.0, levels=0, events=2.0, risk_levels=0, near=0.0),
}
# Whose censoring weights all, where it is not the cohort's own: the longest follow-up of all, tied times among them.
TRAIN = dict(n=150, stream=1430, low=0.05, span=8.0, levels=40, events=0.5, risk_levels=0, near=0.0)
# Beyond the first and the last time of the cohorts on both sides.
TIMES = [0.01, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 2.75, 3.5, 4.0, 4.25, 5.0, 6.0, 7.0]
TAUS = [2.0, 3.5]


def cohort(c):
    place, chance, height = (uniform((c["n"],), c["stream"] + k) for k in range(3))
    time = c["low"] + c["span"] * (np.floor(c["levels"] * place) / c["levels"] if c["levels"] else place)
    risk = -2 + np.floor(c["risk_levels"] * height) / 4 if c["risk_levels"] else 4 * height - 2
    return time, chance < c["events"], risk + c["near"] * chance


def numbers(values):
    return [float(v) if math.isfinite(v) else str(float(v)) for v in np.atleast_1d(values)]


def concordance(result):
    index, *counts = result
    return dict(index=float(index), counts=[int(n) for n in counts])  # concordant, discordant, tied risk, tied time


def predictions(risk, times):
    """Any survival functions that differ by person and fall with time."""
    return np.exp(-0.2 * np.exp(risk)[:, None] * np.asarray(times)[None, :] / 2)


def figures(c, train):
    time, event, risk = cohort(c)
    both = Surv.from_arrays(event, time)
    usable = [i for i, t in enumerate(TIMES) if time.min() <= t < time.max()]
    times = np.asarray(TIMES)[usable]
    curve_times, curve = kaplan_meier_estimator(event, time)
    censoring = CensoringDistributionEstimator().fit(both)
    fitted = KaplanMeierFitter().fit(time, event)
    breslow = BreslowEstimator().fit(risk, event, time)
    result = dict(
        cohort=c,
        harrell=concordance(concordance_index_censored(event, time, risk)),
        uno=concordance(concordance_index_ipcw(train, both, risk)),
        uno_tau=[float(concordance_index_ipcw(train, both, risk, tau=tau)[0]) for tau in TAUS],
        curve=dict(times=numbers(curve_times), values=numbers(curve)),
        lifelines_at=numbers(fitted.survival_function_at_times(TIMES).to_numpy()),
        censoring_at=numbers(censoring.predict_proba(np.unique(time))),
        hazard=numbers(breslow.cum_baseline_hazard_.y),
        survival_of_first=numbers(breslow.get_survival_function(risk)[0].y),
    )
    if usable:
        areas, _ = cumulative_dynamic_auc(train, both, risk, times)
        # Times without a case have no area, and one such makes the mean NaN.
        _, mean = cumulative_dynamic_auc(train, both, risk, times[np.isfinite(areas)])
        chances = predictions(risk, TIMES)[:, usable]
        _, scores = brier_score(train, both, chances, times)
        result |= dict(
            used=numbers(times),
            areas=numbers(areas),
            mean_area=numbers(mean)[0],
            brier=numbers(scores),
            integrated_brier=float(integrated_brier_score(train, both, chances, times)) if len(usable) > 1 else "nan",
        )
    return result


def log_rank(a, b):
    (time_a, event_a, _), (time_b, event_b, _) = (cohort(COHORTS[name]) for name in (a, b))
    test = logrank_test(time_a, time_b, event_a, event_b)
    return dict(a=a, b=b, statistic=float(test.test_statistic), p=float(test.p_value))


def lifelines_hazard():
    """Breslow's baseline of lifelines, which centres risks: of a fit, with its risks as they are centred there."""
    import pandas

    time, event, risk = cohort(COHORTS["ties"])
    model = CoxPHFitter().fit(pandas.DataFrame(dict(time=time, event=event, x=risk)), "time", "event")
    hazard = model.baseline_cumulative_hazard_.iloc[:, 0]
    return dict(coefficient=float(model.params_["x"]), mean=float(risk.mean()), times=numbers(hazard.index), values=numbers(hazard))


train_time, train_event, _ = cohort(TRAIN)
train = Surv.from_arrays(train_event, train_time)
for c in COHORTS.values():
    assert cohort(c)[0].max() <= train_time.max()
write_json(
    "survival",
    dict(
        train=TRAIN,
        times=TIMES,
        taus=TAUS,
        cohorts={name: figures(c, train) for name, c in COHORTS.items()},
        log_rank=[log_rank("plain", "ties"), log_rank("ties", "heavy_censoring"), log_rank("events_only", "near_ties")],
        lifelines=lifelines_hazard(),
    ),
)
