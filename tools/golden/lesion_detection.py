"""Golden values of lesion detection: candidates (report_guided_annotation), matching, average precision and AUROC (picai_eval),
assignment (scipy).  Writes tests/golden/lesion_detection.json.

Needs pip install picai-eval==1.4.13 report-guided-annotation==0.3.4 scipy==1.17.1 in an environment of its own.

A case: lesions are a union of ellipsoids, voxels x with sum ((x - c) / r)^2 <= 1 in voxels and D,H,W order.  The probability
of a voxel is the largest of noise * uniform(size, stream) and, for each blob, peak * (1 - 0.7 * sum ((x - c) / r)^2); float32.
"""

import warnings

import numpy as np
from picai_eval.eval import evaluate, evaluate_case
from picai_eval.metrics import Metrics
from report_guided_annotation import extract_lesion_candidates
from scipy.optimize import linear_sum_assignment

from values import uniform, write_json

warnings.simplefilter("ignore")
rng = np.random.default_rng(20)
SIZE = [10, 26, 24]
THRESHOLDS = {"0": "dynamic-v2", "0.25": 0.25}  # ours: theirs


def finite(value):
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


def blob(centre, radii, peak):
    return dict(centre=[round(float(c), 2) for c in centre], radii=[round(float(r), 2) for r in radii], peak=round(float(peak), 4))


def random_case(stream):
    """Most lesions have a blob near them, some two; some blobs have no lesion."""
    lesions, blobs = [], []
    for _ in range(rng.integers(0, 4)):
        centre, radii = rng.uniform([2, 5, 5], [8, 21, 19]), rng.uniform([1.2, 2, 2], [2.5, 5, 5])
        lesions.append(dict(centre=centre.round(2).tolist(), radii=radii.round(2).tolist()))
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            blobs.append(blob(centre + rng.normal(0, 2.0, 3), radii * rng.uniform(0.6, 1.6, 3), rng.uniform(0.2, 0.98)))
    for _ in range(rng.integers(0, 3)):
        blobs.append(blob(rng.uniform([1, 3, 3], [9, 23, 21]), rng.uniform([1, 1.2, 1.2], [2, 4, 4]), rng.uniform(0.05, 0.9)))
    return dict(size=SIZE, lesions=lesions, blobs=blobs, noise=round(float(rng.uniform(0, 0.2)), 3), stream=stream)


def special_cases():
    near, far = [5, 13, 6], [5, 13, 16]
    long = dict(centre=[5, 13, 11], radii=[2.2, 3.2, 9.1])
    yield dict(lesions=[], blobs=[])
    yield dict(lesions=[dict(centre=near, radii=[2.1, 4.1, 4.1])], blobs=[])
    # Two candidates within one lesion: one is a hit, the other counts for nothing.
    yield dict(lesions=[long], blobs=[blob(near, [3, 4, 4], 0.6), blob(far, [3, 4, 4.6], 0.9)])
    # One candidate over two lesions.
    yield dict(lesions=[dict(centre=near, radii=[2.1, 4.1, 4.1]), dict(centre=far, radii=[2.6, 4.2, 4.3])],
               blobs=[blob([5, 13, 11], [4, 6, 14], 0.7)])
    # The candidate that overlaps most with a lesion has to leave it to another one, so that two are found.
    yield dict(lesions=[dict(centre=[5, 13, 4], radii=[2.1, 5.1, 3.6]), dict(centre=[5, 13, 15], radii=[2.1, 5.1, 6.3])],
               blobs=[blob([5, 13, 9], [3, 7, 7.2], 0.8), blob([5, 13, 20.5], [2.2, 5, 4], 0.4)])
    yield dict(lesions=[], blobs=[blob(near, [2, 4, 4], 0.995), blob(far, [0.9, 0.9, 0.9], 0.999)])  # the second is too small


def volumes(case):
    place = np.meshgrid(*[np.arange(n, dtype=np.float64) for n in case["size"]], indexing="ij")

    def radius(part):
        scaled = [(x - c) / r for x, c, r in zip(place, part["centre"], part["radii"])]
        return scaled[0] * scaled[0] + scaled[1] * scaled[1] + scaled[2] * scaled[2]

    probability = case["noise"] * uniform(case["size"], case["stream"])
    for part in case["blobs"]:
        probability = np.maximum(probability, part["peak"] * (1 - 0.7 * radius(part)))
    truth = np.zeros(case["size"], np.int32)
    for part in case["lesions"]:
        r = radius(part)
        assert np.abs(r - 1).min() > 1e-9, "a voxel whose side rounding decides"
        truth |= r <= 1
    return probability.astype(np.float32), truth


cases = [dict(size=SIZE, noise=0.0, stream=970, **case) for case in special_cases()]
cases += [random_case(971 + n) for n in range(30)]
weights = uniform(SIZE, 969)
summary = {}
for ours, theirs in THRESHOLDS.items():
    maps, truths = [], []
    for case in cases:
        probability, truth = volumes(case)
        detection, confidences, number = extract_lesion_candidates(probability, threshold=theirs)
        values = [float(confidence) for _, confidence in confidences]
        in_order = np.zeros(number.shape)
        for new, (old, _) in enumerate(confidences, 1):
            in_order[number == old] = new
        rows, confidence, _, _ = evaluate_case(detection, truth)
        case.setdefault("expected", {})[ours] = {
            "confidences": values,
            "weighted_number": float((in_order * weights).sum()),
            "hits": sorted(c for lesion, c, _ in rows if lesion and c > 0),
            "false_alarms": sorted(c for lesion, c, _ in rows if not lesion),
            "missed": sum(lesion and c == 0 for lesion, c, _ in rows),
            "confidence": float(confidence),
        }
        maps.append(detection)
        truths.append(truth)
    result = evaluate(maps, truths, num_parallel_calls=1)
    summary[ours] = {"ap": float(result.AP), "auroc": float(result.auroc)}

# Confidences of one decimal: many are equal.
tables = []
for _ in range(12):
    table = []
    for _ in range(rng.integers(3, 12)):
        lesions, alarms = rng.integers(0, 3), rng.integers(0, 4)
        found = int(rng.integers(0, lesions + 1))
        hits = rng.integers(1, 10, found) / 10
        false = rng.integers(1, 10, alarms) / 10
        table.append(dict(hits=hits.tolist(), false_alarms=false.tolist(), missed=int(lesions) - found,
                          confidence=float(max([0.0, *hits, *false]))))
    results = {n: [(1, c, 1.0) for c in one["hits"]] + [(0, c, 0.0) for c in one["false_alarms"]] + [(1, 0.0, 0.0)] * one["missed"]
               for n, one in enumerate(table)}
    metrics = Metrics(results, case_pred={n: one["confidence"] for n, one in enumerate(table)})
    tables.append(dict(cases=table, ap=finite(metrics.AP), auroc=finite(metrics.auroc)))

assignments = []
for n in range(25):
    rows = int(rng.integers(1, 19))
    columns = rows + int(rng.integers(0, 3))
    gain = uniform([rows, columns], 1010 + n)
    gain = np.where(gain < 0.2, 0, gain)
    chosen = linear_sum_assignment(gain, maximize=True)
    assignments.append(dict(rows=rows, columns=columns, stream=1010 + n, sum=float(gain[chosen].sum())))

write_json("lesion_detection", {"cases": cases, "summary": summary, "tables": tables, "assignments": assignments})
