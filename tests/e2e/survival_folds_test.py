"""Cross-validation: folds of a table and by hash, and what runs foretell out of fold, against each run alone and scikit-survival."""
import csv
import json

import numpy
import support
from sksurv.linear_model.coxph import BreslowEstimator
from sksurv.metrics import brier_score, concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc, integrated_brier_score
from sksurv.util import Surv
from survival_cases import CASES, people, shards, table, train

FOLDS = 3
SETTINGS = {"data.fold_column": "fold", "survival.bootstrap": 50, "train.steps": 6, "train.validate_every_steps": 3}


def fold_shards():
    """The phantoms' table with a number and a word for the fold of each case, converted once."""
    def make(folder):
        rows = table(people() / "table.csv")
        for place, row in enumerate(rows):
            row["fold"] = place % FOLDS
            row["Fold_1"] = ("train", "val", "test")[min(place // 30, 1) if place < 55 else 2]
        with open(folder / "table.csv", "w", newline="") as opened:
            writer = csv.DictWriter(opened, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        support.run("convert_dataset", "--layout", "survival", "--input", folder / "table.csv", "--images", people(), "--output", folder / "shards")
    return support.made_once("survival_fold_shards", make) / "shards"


def runs():
    def make(folder):
        for fold in range(FOLDS):
            train(folder / f"run_{fold}", ranks=2, data=fold_shards(), **SETTINGS, **{"data.fold": fold})
    folder = support.made_once("survival_fold_runs", make)
    return [folder / f"run_{fold}" for fold in range(FOLDS)]


def evaluate(which, output, *options, expect=0, data=None, ranks=None):
    return support.run("evaluate", *(word for run in which for word in ("--run", run)), "--data", data or fold_shards(), "--output", output,
                       *options, expect=expect, ranks=ranks)


def figures_of(folder):
    return json.loads((folder / "metrics.json").read_text())["all_cases"]


class OutOfFold(support.Case):
    def check(self, got, expected, places=9):
        self.assertAlmostEqual(got, expected, places=places)

    def test_every_case_is_foretold_once_and_figures_are_those_of_scikit_survival(self):
        evaluate(runs(), self.folder / "all", "--best", ranks=2)
        rows, figures = table(self.folder / "all" / "cases.csv"), figures_of(self.folder / "all")
        source = {row["path"].split(".")[0].split("/")[-1]: row for row in table(people() / "table.csv")}
        self.assertEqual([row["case"] for row in rows], sorted(source))
        self.assertEqual([row["run"] for row in rows], [str(runs()[place % FOLDS]) for place in range(CASES)])

        def surv(some):
            return Surv.from_arrays([source[row["case"]]["event"] == "1" for row in some], [float(source[row["case"]]["time"]) for row in some])

        def column(some, name):
            return numpy.array([float(row[name]) for row in some])

        everybody, curves, own = surv(rows), {}, []
        for run in runs():
            mine = [row for row in rows if row["run"] == str(run)]
            others = surv([row for row in rows if row["run"] != str(run)])
            # The run alone says the same.
            evaluate([run], self.folder / run.name, "--best", "--split", "val")
            alone = table(self.folder / run.name / "cases.csv")
            self.assertEqual([row["case"] for row in alone], [row["case"] for row in mine])
            for one, pooled in zip(alone, mine):
                for name in one.keys() - {"case"}:
                    self.check(float(pooled[name]), float(one[name]), places=6)
            event, time, risks = surv(mine)["event"], surv(mine)["time"], column(mine, "risk")
            own.append((len(mine), concordance_index_censored(event, time, risks)[0], concordance_index_ipcw(others, surv(mine), risks, tau=4)[0]))
            self.check(figures_of(self.folder / run.name)["c_index"], own[-1][1])
            # S(t) at other times, from its risks of its training cases.
            evaluate([run], self.folder / "train", "--best", "--split", "train")
            behind = table(self.folder / "train" / "cases.csv")
            baseline = BreslowEstimator().fit(column(behind, "risk"), surv(behind)["event"], surv(behind)["time"])
            curves |= dict(zip((row["case"] for row in mine), baseline.get_survival_function(risks)))
        own = numpy.array(own)
        self.assertGreater(own[:, 1].std(), 0)
        self.check(figures["c_index/folds"], numpy.average(own[:, 1], weights=own[:, 0]))
        self.check(figures["uno_c_index/folds"], numpy.average(own[:, 2], weights=own[:, 0]))
        for fold in range(FOLDS):
            self.assertEqual(figures[f"run {fold + 1} of {FOLDS}: cases"], CASES // FOLDS)
            self.check(figures[f"run {fold + 1} of {FOLDS}: c_index"], own[fold, 1])
            self.check(figures[f"run {fold + 1} of {FOLDS}: uno_c_index"], own[fold, 2])
        risks = column(rows, "risk")
        self.check(figures["c_index/pooled"], concordance_index_censored(everybody["event"], everybody["time"], risks)[0])
        self.check(figures["uno_c_index/pooled"], concordance_index_ipcw(everybody, everybody, risks, tau=4)[0])
        for time in (1, 2, 4):
            probabilities = column(rows, f"S({time})")
            self.check(figures[f"auc/{time}"], cumulative_dynamic_auc(everybody, everybody, 1 - probabilities, [time])[0][0])
            self.check(figures[f"brier/{time}"], brier_score(everybody, everybody, probabilities[:, None], [time])[1][0])
        grid = numpy.linspace(0, 4, 51)
        grid = grid[grid >= min(everybody["time"])]
        self.assertEqual(figures["ibs_points"], len(grid))
        survival = numpy.array([[curves[row["case"]](time) for time in grid] for row in rows])
        self.check(figures["ibs"], integrated_brier_score(everybody, everybody, survival, grid), places=6)
        for name in ("c_index/folds", "ibs"):
            self.assertLess(figures[f"{name} 2.5%"], figures[name])
            self.assertGreater(figures[f"{name} 97.5%"], figures[name])

    def test_runs_that_are_no_cross_validation_are_refused(self):
        first, second, third = runs()
        said = evaluate([first, second], self.folder, expect=65)
        self.assertIn("validate none of the runs: survival_0003, survival_0006", said)
        said = evaluate([first, second, third, second], self.folder, expect=65)
        self.assertIn(f"survival_0002 ({second} and {second})", said)
        self.assertNotIn("validate none", said)
        self.assertIn("another data set", evaluate(runs(), self.folder, data=shards(), expect=65))
        self.assertIn("leave --split out", evaluate(runs(), self.folder, "--split", "test", expect=64))
        self.assertIn("--output", support.run("evaluate", "--run", first, "--run", second, "--data", fold_shards(), expect=64))
        # Without S(t) of every run there are concordances alone.
        train(self.folder / "ordered", ranks=2, data=fold_shards(), **{**SETTINGS, "data.fold": 2, "survival.objective": "concordance"})
        self.assertIn("Without S(t)", evaluate([first, second, self.folder / "ordered"], self.folder / "some", "--best"))
        self.assertNotIn("ibs", figures_of(self.folder / "some"))
        self.assertIn("c_index/folds", figures_of(self.folder / "some"))

    def test_another_data_set_has_its_own_splits(self):
        evaluate(runs()[:1], self.folder / "other", "--best", data=shards())
        splits = json.loads((shards() / "dataset.json").read_text())["splits"]
        self.assertEqual({row["case"] for row in table(self.folder / "other" / "cases.csv")}, set(splits["test"]))


class Training(support.Case):
    def test_words_of_a_column_decide(self):
        train(self.folder / "run", data=fold_shards(), **{**SETTINGS, "data.fold_column": "Fold_1", "train.steps": 1, "train.validate_every_steps": 1})
        for split, cases in (("train", range(1, 31)), ("val", range(31, 56)), ("test", range(56, 61))):
            evaluate([self.folder / "run"], self.folder / split, "--split", split)
            self.assertEqual([row["case"] for row in table(self.folder / split / "cases.csv")], [f"survival_{case:04}" for case in cases])

    def test_wrong_folds(self):
        for values, expect, words in (
                ({"data.fold_column": "age", "data.fold": 0}, 65, "which is no fold's number"),
                ({"data.fold_column": "fold", "data.fold": 3}, 65, "no case has the number 3"),
                ({"data.fold_column": "sex"}, 65, "not train, val or test"),
                ({"data.fold_column": "Fold_9"}, 65, "has no column 'Fold_9'"),
                ({"data.fold": 1}, 78, "fold: 1 of what?")):
            self.assertIn(words, train(self.folder / "run", data=fold_shards(), expect=expect, **values))
        train(self.folder / "run", data=fold_shards(), **{**SETTINGS, "data.fold": 0, "train.steps": 1})
        self.assertIn("data.fold is 1, was 0", train(self.folder / "run", data=fold_shards(), expect=78, **{**SETTINGS, "data.fold": 1}))


class Segmentation(support.Case):
    def test_folds_by_hash_give_every_case_its_figures_once(self):
        data = support.phantom_shards(6, 32)
        found = {}
        for fold in range(2):
            run = self.folder / f"run_{fold}"
            support.run("train_brats", "--data", data, "--run", run, *support.settings({
                **support.TINY, "data.folds": 2, "data.fold": fold, "train.epochs": 0, "train.steps": 2, "train.validate_every_epochs": 0}))
            evaluate([run], self.folder / f"alone_{fold}", "--split", "val", data=data)
            for row in table(self.folder / f"alone_{fold}" / "cases.csv"):
                self.assertNotIn(row["case"], found)
                found[row["case"]] = {"run": str(run), **row}
        both = [self.folder / "run_0", self.folder / "run_1"]
        evaluate(both, self.folder / "both", data=data, ranks=2)
        rows = {row["case"]: row for row in table(self.folder / "both" / "cases.csv")}
        self.assertEqual(len(rows), 6)
        self.assertEqual(rows, found)
        self.assertIn("give it with a single --run", evaluate(both, self.folder, "--lesions", data=data, expect=64))


if __name__ == "__main__":
    support.main()
