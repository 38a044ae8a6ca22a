"""--debug: two cases, ten steps, every check on."""
import json

import support


class Debug(support.Case):
    shards_of = dict(cases=6, size=32, split="0.5,0.5,0")  # three cases to train with, three to validate with

    def train(self, *words, program="train_brats", ranks=2, **options):
        # The shipped recipe of many epochs but for its sizes; log_every is left to --debug.
        values = {key: value for key, value in support.TINY.items() if key != "train.log_every"}
        return support.run(program, "--data", support.phantom_shards(**self.shards_of), "--run", self.folder / "run",
                           *support.settings({**values, "data.samples_per_case": 2}), *words, ranks=ranks, **options)

    def test_debug_is_two_cases_with_every_check_on(self):
        # A rate that no network bears: each further loss is infinite, and the log names such a step's cases.  What would end the
        # run there is for the tests below.
        wild = support.settings({"train.optimizer.name": "sgd", "train.optimizer.lr": 1e37, "train.detect_anomaly": "false",
                                 "train.max_bad_steps": 1000})
        text = self.train("--debug", *wild)
        cases = json.loads((support.phantom_shards(**self.shards_of) / "dataset.json").read_text())["splits"]
        seen = {case for case in cases["train"] + cases["val"] if f"{case}" in text}
        self.assertEqual(seen, set(sorted(cases["train"])[:2]), text)
        steps = support.metrics(self.folder / "run")
        self.assertEqual(sorted(steps), list(range(1, 11)), "each step is logged")
        self.assertEqual([steps[step]["epoch"] for step in (1, 2, 3)], [0, 1, 1], "two cases, two crops each, on two ranks")
        self.assertEqual({line["cases"] for line in support.metrics(self.folder / "run", "validation").values()}, {2})
        config = (self.folder / "run" / "config.yaml").read_text()
        for line in ("steps: 10 ", "log_every: 1 ", "replica_check_every: 1 ", "max_cases: 2 "):
            self.assertIn(line, config)

    def test_intensities_that_are_not_finite_name_their_case(self):
        text = self.train("--debug", program=support.WITH_FAULTS, expect=65,
                          environment={"VOX_FAULT": "step:batch@4 rank=1 nan"})
        self.assertRegex(text, r"rank 1 on \S+: .*intensities that are not finite in a training crop of BraTS20_Training_\d+")
        self.assertEqual(max(support.metrics(self.folder / "run")), 3)

    def test_a_gradient_that_is_not_a_number_names_its_function(self):
        fault = {"VOX_FAULT": "step:weights@3 nan"}  # on all ranks, so that replicas agree
        text = self.train("--debug", program=support.WITH_FAULTS, expect=65, environment=fault)
        self.assertRegex(text, r"a gradient is not a number: .*Function '\w+Backward\d*' returned nan values")
        self.assertRegex(text, r"In cases BraTS20_Training_\d+")
        # Without the check such steps are skipped.
        text = self.train("--debug", "--set", "train.detect_anomaly=false", "--set", "train.max_bad_steps=100", "--set",
                          "checkpoint.resume=none", program=support.WITH_FAULTS, environment=fault)
        self.assertIn("was skipped", text)


if __name__ == "__main__":
    support.main()
