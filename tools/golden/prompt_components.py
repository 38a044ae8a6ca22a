"""Components of random label maps, their boxes, inner voxels and positions, by scipy.  Writes tests/golden/prompt_components.json,
and the maps of numbers into tests/golden/prompt_components.f32.

A map is where the stream of values.py is below a bound; scipy.ndimage.label numbers it, find_objects finds the boxes, center_of_mass
the means, scipy.spatial.distance the voxel closest to each (scipy 1.17.1, which tests do not
need: pip install it into an environment of its own).  Positions are counted in whole thousandths of a millimetre.
"""

from fractions import Fraction

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist

from values import uniform, write_f32, write_json

MAPS = [  # size, stream, bound, spacing in 1/1000 mm, space
    ([9, 10, 11], 1700, 0.06, [1000, 1000, 1000], "patient"),
    ([8, 12, 10], 1701, 0.08, [3000, 700, 1250], "patient"),
    ([1, 24, 32], 1702, 0.16, [1000, 1000, 1000], "image"),
    ([1, 31, 17], 1703, 0.2, [1000, 1000, 1000], "image"),
    ([7, 9, 12], 1704, 0.4, [2500, 1250, 1250], "patient"),  # with a component across the middle
    ([1, 20, 25], 1705, 0.62, [1000, 1000, 1000], "image"),  # too
]


def position(box, size, spacing, space):
    """The words of the place, or None where it is upon a middle plane."""
    axes = [1, 2] if space == "image" else [0, 1, 2]
    middle = [Fraction(n, 2) for n in size]
    if all(box[a].start < middle[a] < box[a].stop for a in axes):
        return "centre"
    offset = {a: Fraction(box[a].start + box[a].stop, 2) - middle[a] for a in axes}
    if any(o == 0 for o in offset.values()):
        return None
    names = {1: ("top", "bottom"), 2: ("left", "right")} if space == "image" else {
        0: ("inferior", "superior"), 1: ("posterior", "anterior"), 2: ("left", "right")}
    words = [names[a][offset[a] > 0] for a in axes]
    squared = sum((offset[a] * spacing[a]) ** 2 for a in axes)
    near = squared < (Fraction(1, 5) * size[2] * spacing[2]) ** 2
    return " ".join([*words, "near" if near else "far"])


entries, arrays = [], []
for size, stream, bound, spacing, space in MAPS:
    number, count = ndimage.label(uniform(size, stream) < bound)
    components = []
    for n, box in enumerate(ndimage.find_objects(number), 1):
        places = np.argwhere(number == n)
        mean = ndimage.center_of_mass(number == n)
        components.append({
            "start": [s.start for s in box], "size": [s.stop - s.start for s in box],
            "inside_distance": float(cdist([mean], places).min()), "mean": list(mean),
            "position": position(box, size, spacing, space)})
    entries.append({"size": size, "spacing_mm": [s / 1000 for s in spacing], "space": space, "components": components})
    arrays.append(number)
    seen = {c["position"] for c in components}
    print(size, "centre" in seen, count, "components", len(seen), "positions", sum(c["position"] is None for c in components), "upon a plane")
write_json("prompt_components", {"maps": entries})
write_f32("prompt_components", arrays)
