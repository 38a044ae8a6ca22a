"""Small NIfTI data sets that tests make with nibabel, in every layout that the converter reads."""
import json

import nibabel
import numpy

NAMES_2020 = ("_t1", "_t1ce", "_t2", "_flair", "_seg")
NAMES_2023 = ("-t1n", "-t1c", "-t2w", "-t2f", "-seg")
SIZE = (24, 20, 18)


def affine(orientation="LPS", spacing=(1.0, 1.0, 1.0), origin=(3.0, -4.0, 5.0)):
    """Voxels to mm for axes that point where `orientation` says."""
    result = numpy.zeros((4, 4))
    for axis, letter in enumerate(orientation):
        world = ["LR", "PA", "IS"].index(next(pair for pair in ("LR", "PA", "IS") if letter in pair))
        result[world, axis] = spacing[axis] * (1 if letter in "RAS" else -1)
    result[:3, 3] = origin
    result[3, 3] = 1
    return result


def image_voxels(seed, size=SIZE, dtype=numpy.int16):
    """Positive numbers, another for every seed."""
    return numpy.random.default_rng(seed).integers(1, 1000, size).astype(dtype)


def label_voxels(values, size=SIZE):
    """A slab of every value, 0 around."""
    label = numpy.zeros(size, numpy.uint8)
    for position, value in enumerate(values):
        label[2 * position + 1:2 * position + 3, 4:-4, 4:-4] = value
    return label


def save(file, voxels, where=None, kind=nibabel.Nifti1Image):
    file.parent.mkdir(parents=True, exist_ok=True)
    image = kind(voxels, affine() if where is None else where)
    image.header.set_data_dtype(voxels.dtype)
    nibabel.save(image, file)


def brats_case(folder, case, seed=0, labels=(1, 2, 4), names=NAMES_2020, size=SIZE, where=None, ending=".nii.gz"):
    for channel, name in enumerate(names[:4]):
        save(folder / case / f"{case}{name}{ending}", image_voxels(10 * seed + channel, size), where)
    save(folder / case / f"{case}{names[4]}{ending}", label_voxels(labels, size), where)


def msd_task01(folder, cases=3):
    """4-D images in imagesTr, as Task01_BrainTumour has them."""
    training = []
    for number in range(1, cases + 1):
        name = f"BRATS_{number:03d}.nii.gz"
        channels = numpy.stack([image_voxels(10 * number + channel) for channel in range(4)], axis=-1)
        save(folder / "imagesTr" / name, channels)
        save(folder / "labelsTr" / name, label_voxels((1, 2, 3)))
        training.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    (folder / "dataset.json").write_text(json.dumps({
        "name": "BRATS", "tensorImageSize": "4D", "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
        "numTraining": cases, "training": training, "test": []}))


def nnunet(folder, cases=3):
    """One file a channel, as nnU-Net version 2 has them."""
    for number in range(1, cases + 1):
        for channel in range(2):
            save(folder / "imagesTr" / f"hip_{number:03d}_{channel:04d}.nii.gz", image_voxels(10 * number + channel))
        save(folder / "labelsTr" / f"hip_{number:03d}.nii.gz", label_voxels((1, 2)))
    (folder / "dataset.json").write_text(json.dumps({
        "channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "Anterior": 1, "Posterior": 2},
        "numTraining": cases, "file_ending": ".nii.gz"}))


def generic_case(folder, case, seed=0, labels=(1, 7)):
    save(folder / case / "adc.nii.gz", image_voxels(10 * seed, dtype=numpy.float32))
    save(folder / case / f"{case}_t2.nii.gz", image_voxels(10 * seed + 1, dtype=numpy.int32))
    save(folder / case / "label.nii.gz", label_voxels(labels))


def assert_same_file(test, made, source):
    """Voxels as stored, their type, the scaling, and the affine, as nibabel reads them."""
    a, b = nibabel.load(made), nibabel.load(source)
    test.assertEqual(a.shape, b.shape, source)
    test.assertEqual(a.get_data_dtype().newbyteorder("="), b.get_data_dtype().newbyteorder("="), source)
    test.assertEqual((a.dataobj.slope, a.dataobj.inter), (b.dataobj.slope, b.dataobj.inter), source)
    numpy.testing.assert_array_equal(a.dataobj.get_unscaled(), b.dataobj.get_unscaled(), str(source))
    numpy.testing.assert_array_equal(a.affine, b.affine, str(source))
