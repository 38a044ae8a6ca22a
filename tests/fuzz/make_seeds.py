"""Writes a small corpus for each fuzz target: make_seeds.py FOLDER.  Files as programs write them, so that mutations reach behind the
first check."""
import gzip
import json
import pathlib
import struct
import sys
import zlib

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def safetensors(header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def safetensors_seeds():
    yield safetensors({}, b"")
    yield safetensors({"__metadata__": {"format": "pt", "who": "v\u00f6x"},
                       "a.weight": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]},
                       "b": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [16, 20]},
                       "empty": {"dtype": "I64", "shape": [0, 7], "data_offsets": [20, 20]},
                       "c": {"dtype": "BOOL", "shape": [], "data_offsets": [20, 21]}}, bytes(21))
    yield b"PK\3\4" + bytes(60)


def nifti1(order="<", size=(3, 2, 2), code=4, voxel=2, slope=1.0, volumes=1):
    header = bytearray(348)
    struct.pack_into(order + "i", header, 0, 348)
    rank = 3 if volumes == 1 else 4
    struct.pack_into(order + "8h", header, 40, rank, *size, volumes, 1, 1, 1)
    struct.pack_into(order + "hh", header, 70, code, 8 * voxel)
    struct.pack_into(order + "8f", header, 76, 1, 1, 1, 2, 0, 0, 0, 0)
    struct.pack_into(order + "fff", header, 108, 352, slope, 0.5)
    header[123] = 2
    header[148:152] = b"seed"
    struct.pack_into(order + "hh", header, 252, 1, 1)
    struct.pack_into(order + "12f", header, 280, 1, 0, 0, -3, 0, 1, 0, 4, 0, 0, 2, 5)
    header[344:348] = b"n+1\0"
    return bytes(header) + bytes(4) + bytes(range(size[0] * size[1] * size[2] * voxel % 256)) * volumes


def nifti2():
    header = bytearray(540)
    struct.pack_into("<i8shh", header, 0, 540, b"n+2\0\r\n\x1a\n", 16, 32)
    struct.pack_into("<8q", header, 16, 3, 2, 2, 2, 1, 1, 1, 1)
    struct.pack_into("<8d", header, 104, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<qdd", header, 168, 544, 1, 0)
    struct.pack_into("<ii", header, 344, 0, 1)
    struct.pack_into("<12d", header, 400, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    return bytes(header) + bytes(4) + struct.pack("<8f", *range(8))


def nifti_seeds():
    yield nifti1()
    yield nifti1(order=">", code=16, voxel=4, slope=0.0)
    yield nifti1(code=2, voxel=1, volumes=3)
    yield nifti2()
    yield gzip.compress(nifti1(), mtime=0)
    yield gzip.compress(nifti1()[:360], mtime=0) + gzip.compress(nifti1()[360:], mtime=0)


def config_seeds():
    for file in sorted((SOURCE / "configs").glob("*/*.yaml")):
        yield file.read_bytes()
    yield b"model: {name: unet, channels: [8, 16], strides: [2], dropout_prob: 1.5e-1}\nloss: {name: dice_ce}\n"
    yield b"data: &d {intensity: {contrast_probability: 0.5, contrast_gamma: [0.5, 2]}}\nmetrics: {surface_distances: true}\n"
    yield b'{"checkpoint": {"resume": "a \\"quoted\\" path", "keep_last": 3}, // comment\n "infer": {"window": [32, 32, 32]}}'
    yield b"a: &a [1, 2]\nb: [*a, *a]\nc: !!str 7\nd: |\n  text\n"
    yield b"checkpoint.every_steps=[1,2]"


def prompts_seeds():
    target = {"value": 1, "structure": "liver", "start": [0, 1, 2], "size": [4, 2, 3], "inside": [1, 1, 3], "position": 3}
    prompts = {"space": "patient", "modality": "CT",
               "targets": [target, {**target, "value": 255, "structure": "", "position": -1}],
               "questions": [{"target": 0, "question": "Where is it?", "answer": "There."},
                             {"target": 1, "question": "Und d\u00e4s?", "answer": ""}]}
    yield json.dumps(prompts).encode()
    yield json.dumps({**prompts, "space": "image"}, ensure_ascii=False).encode()


def dataset_index_seeds():
    index = {"format": "voxrank-dataset", "version": 1, "channels": ["t1", "t2"],
             "label_scheme": {"name": "generic", "values": [1, 2], "regions": [{"name": "label_1", "values": [1, 2]}]},
             "splits": {"train": ["a"], "val": ["b"], "test": []},
             "cases": [{"id": "a", "shard": "shard_00000.h5"}, {"id": "b", "shard": "shard_00000.h5"}],
             "shards": [{"file": "shard_00000.h5", "bytes": 1000, "xxh3": "0123456789abcdef"}],
             "provenance": {"codec": "zstd"}, "common_grid": {"reference": "t2", "spacing_mm": [0, 0.5, 0.5]}}
    yield json.dumps(index, indent=1).encode()
    index["views"] = {"names": ["ap", "lateral"], "size": [512, 512], "unit": "attenuation"}
    yield json.dumps(index).encode()
    yield json.dumps({"format": "voxrank-dataset", "version": 2}).encode()


def chunk_codec_seeds():
    raw = bytes(range(64))

    def choice(codec, element, shuffle, mask=0):
        elements = len(raw) >> element
        return bytes([codec | element << 2 | shuffle << 4, mask, elements & 255, elements >> 8])

    for element, shuffle in ((0, 0), (1, 1), (2, 1), (3, 1)):
        yield choice(0, element, shuffle) + raw
        yield choice(1, element, shuffle) + zlib.compress(raw)
        # zstd: one raw block in a frame that gives its size.  lz4: one block that is stored.
        yield choice(2, element, shuffle) + b"\x28\xb5\x2f\xfd\x20\x40" + struct.pack("<I", len(raw) << 3 | 1)[:3] + raw
        yield choice(3, element, shuffle) + struct.pack(">QII", len(raw), len(raw), len(raw)) + raw
    yield choice(3, 0, 0) + struct.pack(">QII", 64, 64, 12) + b"\x1f\0\1\0\x23\x50\0\0\0\0\0\0"  # lz4: a run
    yield choice(1, 1, 1, mask=3) + raw
    for codec in range(4):  # nothing, which must be copied from nowhere
        yield bytes([codec, 0, 0, 0])


def main(folder):
    for name, seeds in (("safetensors", safetensors_seeds), ("nifti", nifti_seeds), ("config", config_seeds),
                        ("dataset_index", dataset_index_seeds), ("prompts", prompts_seeds), ("chunk_codec", chunk_codec_seeds)):
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (target / f"seed_{number:02}").write_bytes(seed)
    (folder / "planted").mkdir(parents=True, exist_ok=True)
    (folder / "planted" / "seed_00").write_bytes(b"nothing of it")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
