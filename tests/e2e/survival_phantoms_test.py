"""Survival of phantoms whose hazard is a matter of the lesion's volume and of age: what is learnt of it, on cases never trained on."""
import csv
import json

import numpy
import support
from sksurv.metrics import concordance_index_censored

CASES = 1100


def table(file):
    with open(file, newline="") as opened:
        return list(csv.DictReader(opened))


def name_of(row):
    return row["path"].split("/")[-1].split(".")[0]


class Learning(support.Case):
    def test_volume_and_age_are_learnt_and_each_alone_is_not_enough(self):
        people, shards, run = self.folder / "people", self.folder / "shards", self.folder / "run"
        support.run("make_phantoms", "--layout", "survival", "--cases", CASES, "--size", 24, "--output", people)
        self.convert(people / "table.csv", shards, "0.75,0.05,0.2")
        splits = json.loads((shards / "dataset.json").read_text())["splits"]
        self.assertGreaterEqual(len(splits["train"]), 800)
        self.assertGreaterEqual(len(splits["test"]), 200)
        rows = {name_of(row): row for row in table(people / "table.csv")}
        # The held-out cases, each with the volume of the next one.
        held_out = splits["test"]
        with open(people / "exchanged.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, ["id", *next(iter(rows.values()))])
            writer.writeheader()
            for name, other in zip(held_out, held_out[1:] + held_out[:1]):
                writer.writerow({**rows[name], "id": name, "path": rows[other]["path"]})
        exchanged = self.folder / "exchanged"
        self.convert(people / "exchanged.csv", exchanged, "0,0,1", "--id-column", "id")
        support.run("train", "--config", support.SOURCE / "configs/survival/smoke.yaml", "--data", shards, "--run", run, *support.settings(
            {"train.threads_per_rank": 1, "checkpoint.every_minutes": 0}), ranks=2, timeout=1200)

        truth = {row["id"]: float(row["log_hazard"]) for row in table(people / "truth.csv")}
        best = self.concordance(rows, held_out, [truth[name] for name in held_out])
        age = self.concordance(rows, held_out, [float(rows[name]["age"]) for name in held_out])
        kept, moved = (self.figures(run, data, name) for data, name in ((shards, "kept"), (exchanged, "moved")))

        def share(index):
            return (index - 0.5) / (best - 0.5)

        low, high = kept["c_index 2.5%"], kept["c_index 97.5%"]
        print(f"concordance of {len(held_out)} phantoms never trained on: true hazard {best:.3f}, volume and age {kept['c_index']:.3f} "
              f"({low:.3f} to {high:.3f}), age alone {age:.3f}, volumes exchanged {moved['c_index']:.3f}; shares of the true hazard's: "
              f"{share(kept['c_index']):.2f} ({share(low):.2f} to {share(high):.2f}), {share(age):.2f}, {share(moved['c_index']):.2f}")
        self.assertGreaterEqual(share(kept["c_index"]), 0.9)
        self.assertLessEqual(share(age), 0.65)
        self.assertLessEqual(share(moved["c_index"]), 0.65)

    def convert(self, source, shards, split, *more):
        support.run("convert_dataset", "--layout", "survival", "--input", source, "--output", shards, "--split", split, *more)

    def figures(self, run, shards, name):
        support.run("evaluate", "--run", run, "--best", "--data", shards, "--split", "test", "--output", self.folder / name, ranks=2)
        return json.loads((self.folder / name / "metrics.json").read_text())["all_cases"]

    def concordance(self, rows, names, risks):
        return concordance_index_censored(numpy.array([rows[name]["event"] == "1" for name in names]),
                                          numpy.array([float(rows[name]["time"]) for name in names]), numpy.array(risks))[0]


if __name__ == "__main__":
    support.main()
