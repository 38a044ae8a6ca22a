"""nibabel as the reference for NIfTI files.

make FOLDER      writes files of many kinds and expected.json: what nibabel reads in each of them.
compare LIST     LIST holds two file names a line; both must hold the same voxels, type, scaling and geometry.
"""
import json
import sys

import nibabel as nib
import numpy as np

RNG = np.random.default_rng(3)
SHAPE = (5, 4, 3)


def rotation(a, b, c):
    ca, sa, cb, sb, cc, sc = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(c), np.sin(c)
    return (np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]]) @ np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
            @ np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]]))


def axes(code, zooms=(1.0, 2.0, 3.0)):
    """An affine whose voxel axes point as `code` says."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, letter in enumerate(code):
        row, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}[letter]
        affine[row, column] = sign * zooms[column]
    affine[:3, 3] = (-7.5, 11.25, 3.0)
    return affine


def oblique(a, b, c, zooms=(0.5, 0.5, 3.0)):
    affine = np.eye(4)
    affine[:3, :3] = rotation(a, b, c) * zooms
    affine[:3, 3] = (-90.5, 126.25, -72.125)
    return affine


def values(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return RNG.normal(size=SHAPE).astype(dtype)
    info = np.iinfo(dtype)
    return RNG.integers(max(info.min, -2 ** 40), min(info.max, 2 ** 40), size=SHAPE, endpoint=True).astype(dtype)


def save(folder, name, image, slope=None, inter=None, edit=None):
    if slope is not None:
        image.header.set_slope_inter(slope, inter)
    if edit:
        edit(image.header)
    path = f"{folder}/{name}"
    nib.save(image, path)
    if slope is not None:  # nibabel rescales what it saves: put the stored numbers and the factors back
        raise_scaling(path, slope, inter, image)
    return path


def raise_scaling(path, slope, inter, image):
    header = image.header.copy()
    header["scl_slope"], header["scl_inter"] = slope, inter
    header["magic"] = header.single_magic
    header["vox_offset"] = header.single_vox_offset
    with open(path, "wb") as out:
        header.write_to(out)
        out.write(b"\0" * (header.single_vox_offset - out.tell()))
        out.write(np.asarray(image.dataobj).astype(header.get_data_dtype()).tobytes(order="F"))


def facts(path):
    image = nib.load(path)
    header = image.header
    unit = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}[header.get_xyzt_units()[0]]
    affine = np.diag([unit, unit, unit, 1.0]) @ image.affine
    slope, inter = image.dataobj.slope, image.dataobj.inter
    stored = np.asarray(image.dataobj.get_unscaled())
    return {
        "shape": list(image.shape[:3]),
        "volumes": int(np.prod(image.shape[3:], dtype=int)),
        "type": stored.dtype.newbyteorder("=").name,
        "affine": affine.tolist(),
        "code": "".join(nib.aff2axcodes(affine)),
        "slope": float(slope),
        "inter": float(inter),
        "qform_code": int(header["qform_code"]),
        "sform_code": int(header["sform_code"]),
        "stored": [repr(v) for v in stored.astype(stored.dtype.newbyteorder("=")).ravel(order="F").tolist()],
        "scaled": np.asarray(image.get_fdata(dtype=np.float64)).ravel(order="F").tolist(),
        "ras": nib.as_closest_canonical(image).get_fdata().ravel(order="F").tolist(),
        "ras_affine": (np.diag([unit, unit, unit, 1.0]) @ nib.as_closest_canonical(image).affine).tolist(),
    }


def make(folder):
    paths = []
    for kind, image_class, header_class in (("n1", nib.Nifti1Image, nib.Nifti1Header), ("n2", nib.Nifti2Image, nib.Nifti2Header)):
        for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"):
            for endian in "<>":
                image = image_class(values(dtype), axes("LPS"), header_class(endianness=endian), dtype=dtype)
                suffix = "nii.gz" if endian == ">" else "nii"
                paths.append(save(folder, f"{kind}_{dtype}_{'big' if endian == '>' else 'little'}.{suffix}", image))
        for endian in "<>":
            image = image_class(values("int16"), axes("RAS"), header_class(endianness=endian), dtype="int16")
            image.header.set_data_dtype(np.dtype("int16").newbyteorder(endian))
            paths.append(save(folder, f"{kind}_scaled_{'big' if endian == '>' else 'little'}.nii", image, 0.25, -1024.0))
    for code in ("RAS", "LPS", "LAS", "PIR", "ASL", "SPR", "IAR", "RSA"):
        paths.append(save(folder, f"axes_{code}.nii.gz", nib.Nifti1Image(values("int16"), axes(code))))
    for number, angles in enumerate(((0.3, -0.2, 0.5), (2.8, 0.1, -0.4), (-0.1, 1.4, 0.2), (3.1, 3.0, 1.2), (np.pi, 0, 0), (0, 0, np.pi))):
        paths.append(save(folder, f"oblique_{number}.nii", nib.Nifti1Image(values("int16"), oblique(*angles))))
        image = nib.Nifti1Image(values("int16"), None)
        image.header.set_qform(oblique(*angles), 1)
        flipped = oblique(*angles) @ np.diag([1, 1, -1, 1])
        paths.append(save(folder, f"qform_only_{number}.nii", image))
        image = nib.Nifti1Image(values("int16"), None)
        image.header.set_qform(flipped, 2)
        paths.append(save(folder, f"qform_left_handed_{number}.nii", image))
    both = nib.Nifti1Image(values("float32"), axes("LAS"))
    both.header.set_qform(axes("RAS"), 1)
    both.header.set_sform(axes("LAS"), 2)
    paths.append(save(folder, "sform_wins.nii.gz", both))
    for unit in ("meter", "micron"):
        image = nib.Nifti1Image(values("uint8"), axes("LPS"))
        paths.append(save(folder, f"unit_{unit}.nii", image, edit=lambda h: h.set_xyzt_units(unit)))
    channels = np.stack([values("int16"), values("int16")], axis=-1)
    paths.append(save(folder, "two_volumes.nii.gz", nib.Nifti1Image(channels, axes("LPS"))))
    single = nib.Nifti1Image(values("int16")[..., None], axes("LPS"))
    paths.append(save(folder, "last_axis_of_one.nii.gz", single))
    labels = nib.Nifti1Image((values("uint8") % 4).astype("float32"), axes("LPS"))
    paths.append(save(folder, "float_labels.nii.gz", labels))
    extended = nib.Nifti1Image(values("int16"), axes("LPS"))
    extended.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"skip me" * 20))
    paths.append(save(folder, "extension.nii.gz", extended))
    expected = {path.rsplit("/", 1)[1]: facts(path) for path in paths}
    with open(f"{folder}/expected.json", "w") as out:
        json.dump(expected, out)
    return 0


def compare(list_file):
    problems = 0
    for line in open(list_file):
        first, second = line.split()
        a, b = nib.load(first), nib.load(second)
        same = (a.shape == b.shape and a.get_data_dtype().newbyteorder("=") == b.get_data_dtype().newbyteorder("=")
                and np.array_equal(np.asarray(a.dataobj.get_unscaled()), np.asarray(b.dataobj.get_unscaled()))
                and a.dataobj.slope == b.dataobj.slope and a.dataobj.inter == b.dataobj.inter
                and np.array_equal(a.affine, b.affine)
                and all(int(a.header[f]) == int(b.header[f]) for f in ("qform_code", "sform_code"))
                and all(np.array_equal(a.header[f], b.header[f]) for f in (
                    "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"))
                and np.array_equal(a.header["pixdim"][:4], b.header["pixdim"][:4]))
        if not same:
            print(f"{first} and {second} differ", file=sys.stderr)
            problems += 1
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit({"make": make, "compare": compare}[sys.argv[1]](sys.argv[2]))
