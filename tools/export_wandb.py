#!/usr/bin/env python3
"""Writes a run, finished or still running, as an offline run of Weights & Biases, which `wandb sync` uploads.

    pip install wandb                # into an environment of its own; nothing else of this project needs it
    tools/export_wandb.py --run runs/NAME --output DIR [--project NAME]
    wandb sync DIR/wandb/offline-run-*

Figures come from metrics.jsonl, the configuration from config.yaml.  Each kind of line has its own prefix: train/loss,
validation/dice, timing/..., final/... .  A list of a figure a rank becomes name/0, name/1, ...  Each export is a run of its own to
W&B: of a run that still trains it holds what was logged so far.  Nothing is sent.
"""

import argparse
import json
import pathlib
import re
import sys

PREFIX = {"step": "train"}  # the other kinds have their own name


def lines_of(file):
    """The whole lines; the last one of a running run may be half written."""
    lines = file.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def figures_of(line):
    """name: number (or text) of a line of metrics.jsonl, without what says which line it is."""
    figures = {}
    for name, value in line.items():
        if name in ("kind", "step") or name.endswith(".text"):
            continue
        if value is None:  # not finite: its text is the field after it
            value = float(line.get(f"{name}.text", "nan"))
        if isinstance(value, list):
            figures |= {f"{name}/{i}": float("nan") if one is None else one for i, one in enumerate(value)}
        else:
            figures[name] = value
    prefix = PREFIX.get(line["kind"], line["kind"])
    return {f"{prefix}/{name}": value for name, value in figures.items()}


def history_of(lines):
    """step: all figures of it, ascending; of a figure that a step has twice the last one counts."""
    history = {}
    for line in lines:
        history.setdefault(line["step"], {}).update(figures_of(line))
    return dict(sorted(history.items()))


def with_numbers(value):
    """1e-05 is a number in config.yaml; PyYAML, which follows YAML 1.1, reads a text where there is no point."""
    if isinstance(value, dict):
        return {key: with_numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [with_numbers(one) for one in value]
    return float(value) if isinstance(value, str) and re.fullmatch(r"[-+]?\d+[eE][-+]?\d+", value) else value


def export(run_folder, output, project):
    """Returns the folder that wandb wrote."""
    import wandb
    import yaml

    history = history_of(lines_of(run_folder / "metrics.jsonl"))
    config = with_numbers(yaml.safe_load((run_folder / "config.yaml").read_text()))
    output.mkdir(parents=True, exist_ok=True)
    # Offline, and without what would describe this machine instead of the run's.
    settings = wandb.Settings(mode="offline", console="off", disable_git=True, save_code=False, silent=True, x_disable_stats=True,
                              x_disable_meta=True)
    with wandb.init(project=project, name=run_folder.name, dir=str(output), config=config, settings=settings) as run:
        for step, figures in history.items():
            run.log(figures, step=step)
        folder = pathlib.Path(run.settings.sync_dir)
    return folder, len(history)


def main():
    parser = argparse.ArgumentParser(description="Writes a run as an offline run of Weights & Biases, for `wandb sync`.")
    parser.add_argument("--run", required=True, type=pathlib.Path, help="folder of the run: runs/NAME")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="folder in which wandb/offline-run-* is written")
    parser.add_argument("--project", default="voxrank", help="project to which `wandb sync` uploads (default: voxrank)")
    arguments = parser.parse_args()
    for name in ("metrics.jsonl", "config.yaml"):
        if not (arguments.run / name).is_file():
            sys.exit(f"export_wandb: {arguments.run} has no {name}: --run names the folder of a run that has begun to train")
    try:
        folder, steps = export(arguments.run.resolve(), arguments.output.resolve(), arguments.project)
    except ModuleNotFoundError as error:
        sys.exit(f"export_wandb: {error}: 'pip install wandb' in an environment of its own, and run this with its python")
    print(f"{steps} steps in {folder}\nupload: wandb sync {folder}")


if __name__ == "__main__":
    main()
