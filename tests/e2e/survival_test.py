"""Survival from volumes and a table: training, figures against scikit-survival's, S(t), resume, inference, wrong words."""
import json

import numpy
import support
from sksurv.linear_model.coxph import BreslowEstimator
from sksurv.metrics import brier_score, concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc, integrated_brier_score
from sksurv.util import Surv
from survival_cases import CASES, people, shards, table, train


def trained():
    return support.made_once("survival_run", lambda folder: train(folder / "run", ranks=2)) / "run"


class Figures(support.Case):
    def judged(self, split):
        """evaluate's table of a split, and its figures."""
        support.run("evaluate", "--run", trained(), "--best", "--data", shards(), "--split", split, "--output", self.folder / split, ranks=2)
        return table(self.folder / split / "cases.csv"), json.loads((self.folder / split / "metrics.json").read_text())["all_cases"]

    def test_figures_of_evaluate_are_those_of_scikit_survival(self):
        rows, figures = self.judged("test")
        outcomes = {row["path"].split(".")[0].split("/")[-1]: row for row in table(people() / "table.csv")}
        splits = json.loads((shards() / "dataset.json").read_text())["splits"]

        def surv(ids):
            return Surv.from_arrays([outcomes[one]["event"] == "1" for one in ids], [float(outcomes[one]["time"]) for one in ids])

        train_outcomes, test_outcomes = surv(splits["train"]), surv([row["case"] for row in rows])
        self.assertEqual({row["case"] for row in rows}, set(splits["test"]))
        risks = numpy.array([float(row["risk"]) for row in rows])
        self.assertGreater(risks.std(), 0)
        self.assertAlmostEqual(figures["c_index"], concordance_index_censored(test_outcomes["event"], test_outcomes["time"], risks)[0], places=9)
        followed = max(train_outcomes["time"])
        kept = test_outcomes["time"] < followed  # the library refuses the others
        if kept.all():
            self.assertAlmostEqual(figures["uno_c_index"], concordance_index_ipcw(train_outcomes, test_outcomes, risks, tau=4)[0], places=9)
        times = [float(name[4:]) for name in figures if name.startswith("auc/") and "%" not in name]
        self.assertGreaterEqual(len(times), 2)
        areas, _ = cumulative_dynamic_auc(train_outcomes, test_outcomes, risks, times)
        for time, area in zip(times, areas):
            self.assertAlmostEqual(figures[f"auc/{time:g}"], area, places=9)
        # Breslow's estimator over the training cases, from risks that evaluate gives of them.
        behind, _ = self.judged("train")
        of_training = surv([row["case"] for row in behind])
        baseline = BreslowEstimator().fit(numpy.array([float(row["risk"]) for row in behind]), of_training["event"], of_training["time"])
        curves = baseline.get_survival_function(risks)
        for row, curve in zip(rows, curves):
            for time in (1, 2, 4):
                self.assertAlmostEqual(float(row[f"S({time})"]), curve(time), places=6)
        survival = numpy.array([[curve(time) for time in times] for curve in curves])
        _, scores = brier_score(train_outcomes, test_outcomes, survival, times)
        for time, score in zip(times, scores):
            self.assertAlmostEqual(figures[f"brier/{time:g}"], score, places=6)
        grid = numpy.linspace(0, 4, 51)
        grid = grid[(grid >= min(test_outcomes["time"])) & (grid < max(test_outcomes["time"]))]
        self.assertEqual(figures["ibs_points"], len(grid))
        survival = numpy.array([[curve(time) for time in grid] for curve in curves])
        self.assertAlmostEqual(figures["ibs"], integrated_brier_score(train_outcomes, test_outcomes, survival, grid), places=6)
        # The interval: another draw of resampled sets.
        draws, random = [], numpy.random.default_rng(0)
        while len(draws) < 2000:
            places = random.integers(0, len(rows), len(rows))
            try:
                draws.append(concordance_index_censored(test_outcomes["event"][places], test_outcomes["time"][places], risks[places])[0])
            except ValueError:  # nobody can be compared
                pass
        # Few people make few values, with steps between them: bounds are looked for where as many draws lie, give or take 2 %.
        for name, part in (("2.5%", 2.5), ("97.5%", 97.5)):
            low, high = numpy.percentile(draws, [part - 2, part + 2])
            self.assertLessEqual(low, figures[f"c_index {name}"])
            self.assertGreaterEqual(high, figures[f"c_index {name}"])

    def test_validation_gives_the_figures_of_evaluate_and_a_chart(self):
        validation = support.metrics(trained(), "validation")
        best = max(validation.values(), key=lambda line: line["c_index"])
        _, figures = self.judged("val")
        for name in ("c_index", "uno_c_index", "mean_auc", "ibs"):
            self.assertAlmostEqual(best[name], figures[name], places=5)
        self.assertIn("Kaplan-Meier by foretold risk", (trained() / "report.html").read_text())
        self.assertIn("loss/cox", support.metrics(trained())[1])

    def test_infer_writes_a_line_a_case(self):
        support.run("infer", "--run", trained(), "--best", "--input", shards(), "--output", self.folder / "one")
        support.run("infer", "--run", trained(), "--best", "--input", shards(), "--output", self.folder / "two", ranks=2)
        rows, _ = self.judged("test")
        one, two = ({row["case"]: row for row in table(self.folder / place / "survival.csv")} for place in ("one", "two"))
        self.assertEqual(len(one), CASES)
        self.assertEqual(list(one), sorted(one))
        for row in rows:
            for name in ("risk", "S(1)", "S(4)"):
                self.assertAlmostEqual(float(one[row["case"]][name]), float(row[name]), places=5)
                self.assertAlmostEqual(float(two[row["case"]][name]), float(row[name]), places=5)
        # Files have no table.
        self.assertIn("takes columns of a table", support.run(
            "infer", "--run", trained(), "--input", people(), "--output", self.folder / "files", expect=65))


class Training(support.Case):
    def test_resumed_run_is_the_undisturbed_one(self):
        values = {"survival.freeze_epochs": 1, "train.accumulation": 2, "data.global_batch_size": 16, "survival.events_per_batch": 1,
                  "resnet_3d.tabular.dropout_prob": 0.2, "train.schedule.name": "constant", "train.ema.enabled": "true"}
        train(self.folder / "whole", ranks=2, **values)
        train(self.folder / "parts", ranks=2, **values, **{"train.steps": 2})  # in the phase of the last layers
        train(self.folder / "parts", ranks=2, **values, **{"train.steps": 6})
        train(self.folder / "parts", ranks=2, **values)
        for file in ("model", "ema", "optimizer"):
            whole, parts = ((support.newest_checkpoint(self.folder / run) / f"{file}.safetensors").read_bytes() for run in ("whole", "parts"))
            self.assertTrue(whole == parts, file)
        self.assertIn("phase 'train' begins", (self.folder / "whole" / "log.txt").read_text())

    def test_every_objective_trains(self):
        for objective, term, figure in (("concordance", "loss/concordance", "c_index"), ("regression", "loss/regression", "mse")):
            values = {"survival.objective": objective, "train.steps": 4}
            if objective == "regression":
                values |= {"resnet_3d.tabular.fusion": "none", "resnet_3d.tabular.hidden_channels": 64}
            train(self.folder / objective, ranks=2, **values)
            self.assertIn(term, support.metrics(self.folder / objective)[1])
            self.assertIn(figure, support.metrics(self.folder / objective, "validation")[4])
        # What was learnt of the table is where another run begins, all but the last layers.
        weights = support.newest_checkpoint(self.folder / "regression") / "model.safetensors"
        said = train(self.folder / "tuned", ranks=2, **{"train.init_from": weights, "train.steps": 2})
        self.assertIn("fc.weight", said)  # of another shape
        self.assertRegex(said, r"\d+ of \d+ tensors .* are loaded")
        support.run("infer", "--run", self.folder / "regression", "--input", shards(), "--output", self.folder / "foretold")
        self.assertIn("age", table(self.folder / "foretold" / "survival.csv")[0])

    def test_the_recipe_for_gpus_fits_data_and_model(self):
        said = support.run("train", "--config", support.SOURCE / "configs/survival/mace.yaml", "--data", shards(), "--dry-run")
        self.assertIn("resnet_3d: 46160961 parameters", said)  # MONAI's ResNet-50
        self.assertIn("effective batch 24 = 24 items", said)

    def test_wrong_words(self):
        for values, expect, words in (
                ({"survival.features": "[agee]"}, 65, "no column 'agee'"),
                ({"survival.events_per_batch": 8}, 78, "should hold 8 with an event"),
                ({"data.resize": "[]", "data.crop_size": "[8,8,8]"}, 78, "a risk belongs to the whole case"),
                ({"model.norm": "batch"}, 78, "sync_batch")):
            self.assertIn(words, train(self.folder / "run", ranks=2, expect=expect, **values))
        self.assertIn("--layout survival", train(self.folder / "run", expect=65, data=support.phantom_shards(2, 32)))


if __name__ == "__main__":
    support.main()
