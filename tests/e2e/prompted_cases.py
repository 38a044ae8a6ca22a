"""What tests of prompts have in common: phantoms with two lesions, their shards, and a small configuration."""
import support

TINY = {
    "task": "prompted_segmentation", "model.name": "prompted_segmentor", "prompted_segmentor.channels": "[8,16]",
    "prompted_segmentor.token_channels": 32, "prompted_segmentor.heads": 4, "prompted_segmentor.text_blocks": 1,
    "prompted_segmentor.answer_blocks": 1, "prompted_segmentation.prompts": "[words,points,boxes]", "data.resize": "[16,16,16]",
    "data.batch_size": 0, "data.global_batch_size": 4, "data.threads": 1, "train.threads_per_rank": 1, "train.epochs": 0, "train.steps": 8,
    "train.validate_every_epochs": 0, "train.validate_every_steps": 4, "train.log_every": 1, "train.optimizer.lr": 3e-3,
    "checkpoint.every_minutes": 0, "checkpoint.every_steps": 0, "checkpoint.keep_last": 5,
}


def lesions(cases, size=32):
    """NIfTI cases <id>/ct.nii.gz and label.nii.gz."""
    return support.made_once(f"lesions_{cases}_{size}", lambda folder: support.run(
        "make_phantoms", "--layout", "prompted", "--cases", cases, "--size", size, "--output", folder / "nifti")) / "nifti"


def shards(cases, split, size=32):
    source = lesions(cases, size)
    return support.made_once(f"lesion_shards_{cases}_{size}_{split}".replace(",", "_"), lambda folder: support.run(
        "convert_dataset", "--layout", "generic", "--input", source, "--output", folder / "shards", "--make-prompts", "--structures", "1=lesion",
        "--modality", "CT", "--split", split)) / "shards"


def train(run, data, ranks=None, expect=0, **values):
    nothing = support.BUILD / "e2e" / "nothing.yaml"
    nothing.parent.mkdir(parents=True, exist_ok=True)
    nothing.write_text("{}")
    return support.run("train", "--config", nothing, "--data", data, "--run", run, *support.settings({**TINY, **values}), ranks=ranks,
                       expect=expect)
