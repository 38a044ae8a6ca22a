"""Two lesions of equal volume in every phantom: what a prompt means is found, and nothing else, in cases never trained on."""
import json

import prompted_cases
import support

CASES = 140


class Learning(support.Case):
    def test_the_prompt_decides_which_lesion_is_segmented(self):
        shards, run = prompted_cases.shards(CASES, "0.8,0.05,0.15"), self.folder / "run"
        support.run("train", "--config", support.SOURCE / "configs/prompted/smoke.yaml", "--data", shards, "--run", run, *support.settings(
            {"train.threads_per_rank": 1, "checkpoint.every_minutes": 0}), ranks=2, timeout=2400)
        support.run("evaluate", "--run", run, "--best", "--data", shards, "--split", "test", "--output", self.folder / "figures", ranks=2)
        figures = json.loads((self.folder / "figures" / "metrics.json").read_text())["all_cases"]
        held_out = json.loads((shards / "dataset.json").read_text())["splits"]["test"]
        print(f"{len(held_out)} phantoms never trained on, two lesions of equal volume each: the worst question's Dice {figures['dice_worst']:.3f}; "
              + "; ".join(f"{form} {figures[f'dice/{form}']:.3f}, with the other lesion {figures[f'dice_other/{form}']:.3f}"
                          for form in ("words", "points", "boxes")))
        self.assertGreaterEqual(figures["dice_worst"], 0.75)
        for form in ("words", "points", "boxes"):
            self.assertLessEqual(figures[f"dice_other/{form}"], 0.1, form)


if __name__ == "__main__":
    support.main()
