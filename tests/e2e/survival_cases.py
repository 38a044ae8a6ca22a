"""What end-to-end tests of survival share: people to learn from, and a run of seconds."""
import csv

import support

CASES = 60
TINY = {
    "task": "survival", "model.name": "resnet_3d", "model.norm": "sync_batch", "resnet_3d.architecture": "resnet10",
    "resnet_3d.block_inplanes": "[4,4,8,8]", "resnet_3d.conv1_t_size": 3, "resnet_3d.tabular.fusion": "film",
    "resnet_3d.tabular.hidden_channels": 8, "survival.features": "[age,sex]", "survival.eval_times": "[1,2,4]", "survival.bootstrap": 2000,
    "data.resize": "[12,12,12]", "data.batch_size": 0, "data.global_batch_size": 8, "data.window": "[-200,400]", "data.threads": 1,
    "train.threads_per_rank": 1, "train.epochs": 0, "train.steps": 8, "train.validate_every_epochs": 0, "train.validate_every_steps": 4,
    "train.log_every": 1, "train.optimizer.lr": 3e-3, "checkpoint.every_minutes": 0, "checkpoint.every_steps": 0, "checkpoint.keep_last": 5,
}


def people():
    return support.made_once("people", lambda folder: support.run(
        "make_phantoms", "--layout", "survival", "--cases", CASES, "--size", 24, "--output", folder / "people")) / "people"


def shards():
    return support.made_once("survival_shards", lambda folder: support.run(
        "convert_dataset", "--layout", "survival", "--input", people() / "table.csv", "--output", folder / "shards",
        "--split", "0.6,0.2,0.2")) / "shards"


def train(run, ranks=None, expect=0, data=None, **values):
    nothing = support.BUILD / "e2e" / "nothing.yaml"
    nothing.parent.mkdir(parents=True, exist_ok=True)
    nothing.write_text("{}")
    return support.run("train", "--config", nothing, "--data", data or shards(), "--run", run, *support.settings({**TINY, **values}),
                       ranks=ranks, expect=expect)


def table(file):
    with open(file, newline="") as opened:
        return list(csv.DictReader(opened))
