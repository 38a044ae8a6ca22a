"""What may change between two parts of a run: ranks, and each thing of README's table (row 12 of the fault table)."""
import json
import re
import shutil

import common
import numpy
import support

SPLIT = "0.84,0.16,0"
CASES, SAMPLES = 5, 4  # 20 items an epoch, in global micro-batches of 4 and steps of two of them: 3 steps, the last one short
ELASTIC = {"data.samples_per_case": SAMPLES, "train.accumulation": 2, "train.schedule.name": "constant", "train.ema.enabled": "true",
           "checkpoint.every_steps": 0}
PARTS = ((4, 4), (2, 8), (3, 12))  # ranks, and the step to which they train: each part ends in the middle of an epoch, but the last


def tensors(file):
    """A safetensors file as arrays by name."""
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    types = {"F64": "f8", "F32": "f4", "I64": "i8"}
    result = {}
    for name, entry in json.loads(content[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            result[name] = numpy.frombuffer(content[8 + size + begin:8 + size + end], types[entry["dtype"]])
    return result


class Elastic(common.FaultCase):
    def train(self, run, ranks, **values):
        return support.run("train_brats", *self.arguments(run, **values), ranks=ranks)

    def test_12_four_ranks_then_two_then_three_train_as_four(self):
        values = {**ELASTIC, "train.precision": "fp64"}
        self.train("undisturbed", 4, **{**values, "train.steps": 12})
        before = None
        for ranks, step in PARTS:
            text = self.train("moved", ranks, **{**values, "train.steps": step})
            if before:
                self.assertIn(f"world size {ranks}, was {before}: results agree, but not bit for bit", text)
                self.assertRegex(text, rf"effective batch 8 = 4 items a micro-batch over {ranks} ranks")
            before = ranks
        expected, actual = (support.metrics(self.folder / run) for run in ("undisturbed", "moved"))
        self.assertEqual(sorted(actual), list(range(1, 13)))
        self.assertGreater(abs(expected[1]["loss"] - expected[12]["loss"]), 1e-3, "the run must learn something")
        for step, line in expected.items():
            self.assertEqual(actual[step]["epoch"], line["epoch"])
            self.assertAlmostEqual(actual[step]["loss"] / line["loss"], 1, delta=1e-10)
        for file in ("model", "ema", "optimizer"):
            one, other = (tensors(support.newest_checkpoint(self.folder / run) / f"{file}.safetensors")
                          for run in ("undisturbed", "moved"))
            self.assertEqual(one.keys(), other.keys())
            for name in one:
                numpy.testing.assert_allclose(other[name], one[name], rtol=1e-6, atol=1e-9, err_msg=f"{file}: {name}")

    def cases_of_steps(self, run, parts):
        """The cases of each step after the first, sorted.  A rate that no network bears makes every further loss infinite; such
        steps are skipped, and the log names their cases."""
        found = {}
        for ranks, step in parts:
            text = self.train(run, ranks, **{**ELASTIC, "train.steps": step, "train.optimizer.name": "sgd", "train.ema.enabled": "false",
                                             "train.optimizer.lr": 1e37, "train.max_bad_steps": 1000})
            for number, cases in re.findall(r"step (\d+) was skipped: .*finite: (.*)", text):
                self.assertNotIn(int(number), found, "a step was trained twice")
                found[int(number)] = sorted(cases.split(", "))
        self.assertEqual(sorted(found), list(range(2, 13)))
        return found

    def test_12_each_epoch_has_each_case_once_a_sample_over_all_ranks(self):
        train = json.loads((support.phantom_shards(6, 32, split=SPLIT) / "dataset.json").read_text())["splits"]["train"]
        self.assertEqual(len(train), CASES)
        steps = self.cases_of_steps("moved", PARTS)
        for epoch in (range(4, 7), range(7, 10), range(10, 13)):
            self.assertEqual(sorted(case for step in epoch for case in steps[step]), sorted(train * SAMPLES))
        self.assertEqual(steps, self.cases_of_steps("undisturbed", ((4, 12),)))


# A line of README's table each: what the second start of a run changes that began with two ranks and is at step 4 of 6,
# the exit code, what is said, and what is not.
GOES_ON = r"going on from \S+step_00000004\S* at step 4 of 6"
CHANGED = "the run goes on otherwise than it was saved: .*"
TABLE = {
    "nothing": ({}, 0, [GOES_ON], [CHANGED, "resuming with"]),
    "ranks": ({"ranks": 3}, 0, [GOES_ON, "world size 3, was 2: results agree, but not bit for bit",
                                "keeps the 2 items a micro-batch that it began with; .* would make 3"], [CHANGED]),
    "threads": ({"train.threads_per_rank": 2}, 0, [GOES_ON, "threads per rank 2, was 1: results agree"], []),
    "batch": ({"data.batch_size": 4}, 0, [GOES_ON, CHANGED + "data.batch_size 4, was 1", "effective batch 2 ", "would make 8"], []),
    "global batch": ({"data.batch_size": 0, "data.global_batch_size": 6}, 0,
                     [GOES_ON, CHANGED + "data.global_batch_size 6, was 0", "effective batch 2 ", "would make 6"], []),
    "accumulation": ({"train.accumulation": 2}, 0, [GOES_ON, CHANGED + "train.accumulation 2, was 1", "effective batch 4 "], []),
    "more steps": ({"train.steps": 7}, 0, ["at step 4 of 7", CHANGED + "train.steps 7, was 6"], []),
    "fewer steps": ({"train.steps": 3}, 0, ["at step 4 of 3", CHANGED + "train.steps 3, was 6"], [r"step 5/"]),
    "rate": ({"train.optimizer.lr": 0.5}, 0, [GOES_ON, CHANGED + r"train.optimizer.lr 0.5, was \S+"], []),
    "crop": ({"data.crop_size": "[8,8,8]"}, 0, [GOES_ON, CHANGED + r"data.crop_size \[8, 8, 8\], was \[16, 16, 16\]"], []),
    "seed": ({"seed": 1}, 0, [GOES_ON, CHANGED + "seed 1, was 0"], ["results agree"]),
    "data set": ({"phantoms": 5}, 0, [GOES_ON, CHANGED + r"data set \w{16}, was \w{16}"], ["results agree"]),
    "smaller data set": ({"split": "0.34,0.66,0"}, 0,
                         [GOES_ON, CHANGED + "data set", "epoch 0 has 3 micro-batches now, and 4 of it are done"], []),
    "fewer samples": ({"data.samples_per_case": 1}, 0, [GOES_ON, CHANGED + "data.samples_per_case 1, was 3", "has 3 micro-batches"], []),
    "precision": ({"train.precision": "bf16"}, 0, [GOES_ON, CHANGED + "train.precision bf16, was auto"], []),
    "fp64": ({"train.precision": "fp64"}, 65, [CHANGED + "train.precision fp64, was auto", "Float.* where Double"], []),
    "no averages": ({"train.ema.enabled": "false"}, 0, [GOES_ON, CHANGED + "train.ema.enabled false, was true"], []),
    "averages": ({"before": {"train.ema.enabled": "false"}}, 0, [GOES_ON, CHANGED + "train.ema.enabled true, was false"], []),
    "optimizer": ({"train.optimizer.name": "sgd"}, 65, [CHANGED + "train.optimizer.name sgd, was adamw", "39 missing: momentum"], []),
    "model": ({"model.init_filters": 16}, 65, [CHANGED + "model.init_filters 16, was 8", "section 'model'", "convInit.conv.weight"], []),
}


class Changes(common.FaultCase):
    VALUES = {"train.steps": 6, "train.ema.enabled": "true", "train.schedule.name": "constant", "checkpoint.every_steps": 4}

    def at_step_four(self, name, **values):
        """A run of six steps on two ranks whose newest checkpoint is that of step 4: its last one is lost."""
        if not (self.folder / name).exists():
            support.run("train_brats", *self.arguments(name, **{**self.VALUES, **values}), ranks=2)
            shutil.rmtree(support.newest_checkpoint(self.folder / name))
        return self.folder / name

    def test_12_each_line_of_the_table(self):
        for number, (what, (change, code, said, unsaid)) in enumerate(TABLE.items()):
            with self.subTest(what):
                change = dict(change)
                ranks, seed, split = change.pop("ranks", 2), change.pop("phantoms", 0), change.pop("split", SPLIT)
                before = change.pop("before", {})
                shutil.copytree(self.at_step_four(f"start{len(before)}", **before), self.folder / f"run{number}")
                arguments = list(self.arguments(f"run{number}", **{**self.VALUES, **change}))
                arguments[1] = support.phantom_shards(6, 32, seed=seed, split=split)
                text = support.run("train_brats", *arguments, ranks=ranks, expect=code)
                for pattern in said:
                    self.assertRegex(text, pattern)
                for pattern in unsaid:
                    self.assertNotRegex(text, pattern)
                last = max(4, change.get("train.steps", 6)) if code == 0 else 4
                self.assertEqual(support.step_of(support.newest_checkpoint(self.folder / f"run{number}")), last)


if __name__ == "__main__":
    support.main()
