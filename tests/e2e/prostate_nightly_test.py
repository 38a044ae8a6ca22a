"""What smoke.yaml reaches on held-out phantoms when it may take minutes: zones, and lesions with the tumour loss."""
import json

import support

CONFIG = support.SOURCE / "configs/prostate158/smoke.yaml"


class Nightly(support.Case):
    def trained(self, task, values):
        shards, run = support.prostate_shards(24, 96, task, "1.5,1,1"), self.folder / task
        support.run("train", "--config", CONFIG, "--data", shards, "--run", run, *support.settings(
            {"train.threads_per_rank": 1, "train.steps": 3000, "train.validate_every_steps": 1000, **values}), ranks=2, timeout=1500)
        print(support.run("evaluate", "--run", run, "--data", shards, "--split", "test", ranks=2))
        return json.loads((run / "evaluation" / "metrics.json").read_text())

    def test_zones(self):
        mean = self.trained("anatomy", {})["mean"]
        self.assertGreaterEqual((mean["TZ"] + mean["PZ"]) / 2, 0.85)
        self.assertLessEqual(mean["hd95"], 4)

    def test_lesions(self):
        figures = self.trained("tumor", {"loss.name": "dice_focal", "infer.keep_largest": "[]", "metrics.lesions": "true",
                                         "metrics.empty_rule": "skip"})
        self.assertGreaterEqual(figures["mean"]["tumor"], 0.4)
        self.assertGreaterEqual(figures["all_cases"]["lesion_ap"], 0.5)


if __name__ == "__main__":
    support.main()
