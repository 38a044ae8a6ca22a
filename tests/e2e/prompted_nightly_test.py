"""What prompts mean in real volumes, learnt by heart: an overfit of single cases, which says nothing of others."""
import json
import shutil
import unittest

import support

CT, BRAINS = support.REAL_DATA / "ct", support.REAL_DATA / "brain_1mm"
RECIPE = {
    "task": "prompted_segmentation", "data.resize": "[48,48,48]", "data.batch_size": 4, "data.samples_per_case": 8, "data.threads": 1,
    "data.flip_probability": 0, "model.dropout_prob": 0, "prompted_segmentor.channels": "[8,16,32]", "prompted_segmentor.token_channels": 64,
    "prompted_segmentor.heads": 8, "prompted_segmentation.prompts": "[words,points,boxes]", "train.epochs": 0, "train.clip_norm": 1,
    "train.optimizer.lr": 3e-3, "train.schedule.min_lr": 1e-5, "train.ema.enabled": "true", "train.ema.decay": 0.98, "train.threads_per_rank": 1,
    "train.validate_every_epochs": 0, "train.log_every": 20, "checkpoint.every_steps": 0, "checkpoint.every_minutes": 0,
}


class Overfit(support.Case):
    def learnt(self, source, structures, channels, values, steps):
        shards, run = self.folder / "shards", self.folder / "run"
        support.run("convert_dataset", "--layout", "generic", "--input", source, "--output", shards, "--channels", channels, "--label", "label",
                    "--make-prompts", "--structures", structures, "--split", "1,0,0")
        nothing = self.folder / "nothing.yaml"
        nothing.write_text("{}")
        support.run("train", "--config", nothing, "--data", shards, "--run", run, *support.settings({**RECIPE, **values, "train.steps": steps}),
                    timeout=7200)
        support.run("evaluate", "--run", run, "--data", shards, "--split", "train", "--output", self.folder / "figures", timeout=1200)
        figures = json.loads((self.folder / "figures" / "metrics.json").read_text())["all_cases"]
        print(f"{source.name}, {steps} steps: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        return figures

    @unittest.skipUnless(CT.is_dir(), "the real volumes are not here")
    def test_chest(self):
        case = self.folder / "chest" / "chest_2p5mm"
        case.mkdir(parents=True)
        shutil.copy(CT / "chest_2p5mm.nii.gz", case / "ct.nii.gz")
        shutil.copy(CT / "chest_2p5mm_mask.nii.gz", case / "label.nii.gz")
        figures = self.learnt(case.parent, "2=right kidney,3=left kidney,5=liver,10=left upper lobe,12=right upper lobe,51=heart,52=aorta", "ct",
                              {"data.normalisation": "window", "data.window": "[-1000,1000]"}, 2000)
        self.assertGreaterEqual(figures["dice"], 0.8)
        self.assertLessEqual(figures["dice_other"], 0.05)

    @unittest.skipUnless(BRAINS.is_dir(), "the real volumes are not here")
    def test_brains(self):
        for name in ("TCGA-DU-7294", "brats_2013_pat0001_1"):
            case = self.folder / "brains" / name
            case.mkdir(parents=True)
            for channel, file in (("t1ce", "t1ce"), ("flair", "flair"), ("label", "seg")):
                shutil.copy(BRAINS / name / f"{name}_{file}.nii.gz", case / f"{channel}.nii.gz")
        figures = self.learnt(self.folder / "brains", "1=necrosis,2=oedema,4=enhancing tumour", "t1ce,flair", {
            "data.normalisation": "zscore_nonzero"}, 2000)
        # The parts of a tumour lie in each other: their boxes too, and a point in a rim of a voxel or two is next to the core.  Names
        # tell them apart, places hardly do at this size.
        self.assertGreaterEqual(figures["dice/words"], 0.75)
        self.assertLessEqual(figures["dice_other/words"], 0.15)
        self.assertGreaterEqual(figures["dice"], 0.5)


if __name__ == "__main__":
    support.main()
