"""Opens shards with h5py: for every case, image and label must equal the raw files that the test wrote beside them.
Second use: makes shards that a reader has to refuse."""
import json
import os
import sys

import h5py
import hdf5plugin  # noqa: F401  registers zstd and lz4
import numpy as np


def compare(folder):
    with open(os.path.join(folder, "dataset.json")) as file:
        index = json.load(file)
    checked = 0
    for case in index["cases"]:
        with h5py.File(os.path.join(folder, case["shard"]), "r") as shard:
            group = shard["cases"][case["id"]]
            for name in ("image", "label"):
                expected = np.fromfile(os.path.join(folder, f"{case['id']}.{name}.raw"), group[name].dtype)
                assert np.array_equal(group[name][...].ravel(), expected), (case["id"], name)
                checked += 1
            if "views" in index:
                views = group["views"]
                expected = np.fromfile(os.path.join(folder, f"{case['id']}.views.raw"), "<f4")
                assert views.dtype == "<f4" and np.array_equal(views[...].ravel(), expected), case["id"]
                assert list(views.shape[1:]) == index["views"]["size"], views.shape
                assert [name.decode() for name in views.attrs["view_names"]] == index["views"]["names"]
                assert np.atleast_1d(views.attrs["view_unit"])[0].decode() == index["views"]["unit"] == "attenuation"
            values = group["image"][...].astype(np.float32)
            for c, row in enumerate(group["image"].attrs["statistics"]):
                voxels = values[c][values[c] != 0].astype(np.float64)
                wanted = [voxels.mean(), voxels.std(), voxels.min(), voxels.max(), *np.percentile(voxels, [1, 99]), voxels.size]
                assert np.allclose(row, wanted, rtol=1e-9), (row, wanted)
            labels, counts = np.unique(group["label"][...], return_counts=True)
            assert list(group.attrs["label_values"]) == [v for v in labels if v], labels
            assert list(group.attrs["label_voxels"]) == [n for v, n in zip(labels, counts) if v], counts
    assert checked > 0


def damage(file, kind):
    with h5py.File(file, "r+") as shard:
        group = shard["cases"]["x"]
        if kind == "version":
            shard.attrs.modify("version", np.array([2], "<i8"))
            return
        if kind == "external_link":
            del group["image"]
            group["image"] = h5py.ExternalLink("/etc/hostname", "/x")
        elif kind == "soft_link":
            del group["label"]
            group["label"] = h5py.SoftLink("/cases/x/image")
        elif kind == "nan_spacing":
            group.attrs.modify("spacing_mm", np.array([1, np.nan, 1], "<f8"))
        elif kind in ("reference", "reference_size"):  # of a resampled case
            name = b"nobody" if kind == "reference" else group["image"].attrs["channels"][0]
            group.attrs.create("reference", name, group.attrs.get_id("label_scheme").shape, h5py.string_dtype("utf-8", len(name)))
            if kind == "reference_size":
                group["image"].attrs.modify("source_size", np.full((2, 3), 32768, "<i8"))
        elif kind == "singular_source":
            attributes = group["image"].attrs
            attributes.modify("sform_code", np.ones(2, "<i8"))
            attributes.modify("srow", np.zeros((2, 3, 4), "<f8"))
        elif kind == "source_type":
            attributes = group["image"].attrs
            attributes.modify("source_type", np.array([b"int16", b"int17"], attributes["source_type"].dtype))
        elif kind == "views_type":
            shape = group["views"].shape
            del group["views"]
            group.create_dataset("views", shape, "<i4", chunks=shape)
            for name in ("views_chunk_xxh3", "views_chunk_table"):
                del group[name]
                group.create_dataset(name, data=np.zeros((1, 3) if name.endswith("table") else (1,), "<u8"))
        elif kind == "views_count":
            names = group["views"].attrs["view_names"]
            del group["views"].attrs["view_names"]
            group["views"].attrs.create("view_names", names[:1], dtype=h5py.string_dtype("utf-8", names.dtype.itemsize))
        elif kind in ("views_unit", "views_names"):
            attributes = group["views"].attrs
            if kind == "views_unit":
                old = attributes["view_unit"]
                attributes.modify("view_unit", np.full(np.shape(old), b"hu", np.asarray(old).dtype))
            else:
                attributes.modify("view_names", np.array([b"ap", b"ap"], attributes["view_names"].dtype))
        elif kind == "views_gone":
            del group["views"]
        elif kind == "missing_attribute":
            del group.attrs["affine"]
        elif kind == "huge":
            del group["image"]
            group.create_dataset("image", (2, 1 << 20, 1 << 20, 1 << 20), "<i2", chunks=(1, 32, 32, 32))
        elif kind == "bomb":
            del group["image"]
            group.create_dataset("image", (1, 1024, 1024, 512), "<i2", chunks=(1, 1024, 1024, 512), compression="gzip")
        elif kind == "chunk_count":
            del group["image"]
            group.create_dataset("image", (1, 4096, 4096, 2), "<i2", chunks=(1, 1, 1, 2))
        elif kind == "missing_image":
            del group["image"]
        elif kind == "filter":
            shape = group["image"].shape
            del group["image"]
            group.create_dataset("image", shape, "<i2", chunks=(1, 8, 8, 8), fletcher32=True)
        elif kind == "type":
            shape = group["image"].shape
            del group["image"]
            group.create_dataset("image", shape, ">i2", chunks=(1, 8, 8, 8))
        elif kind == "rank":
            shape = group["label"].shape
            del group["image"]
            group.create_dataset("image", shape, "<i2", chunks=(8, 8, 8))
        elif kind == "label_shape":
            del group["label"]
            group.create_dataset("label", (8, 8, 8), "u1", chunks=(8, 8, 8))
        elif kind == "virtual":
            shape = group["image"].shape
            del group["image"]
            layout = h5py.VirtualLayout(shape, "<i2")
            layout[...] = h5py.VirtualSource("elsewhere.h5", "x", shape)
            group.create_virtual_dataset("image", layout)
        elif kind == "moved_chunk":
            table = group["image_chunk_table"][...]
            table[table[:, 1] > 0, 0] = 1 << 62
            group["image_chunk_table"][...] = table
        else:
            raise SystemExit(f"unknown kind {kind}")


if __name__ == "__main__":
    if sys.argv[1] == "compare":
        compare(sys.argv[2])
    else:
        damage(sys.argv[2], sys.argv[3])
