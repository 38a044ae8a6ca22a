"""JSON configurations of a cascade from X-rays to CT in the words of other programs: configs/xray_ct/, and a guide's own."""
import json

import support

CONFIGS = support.SOURCE / "configs/xray_ct"

# What a guide to another program tells its readers to write, comments and all.
GUIDE = """{
  "xray_config": {
    "img_size": 512,
    "num_views": 2
  },
  "stage_configs": [
    {
      "name": "stage1",
      "volume_size": [64, 64, 64],
      "voxel_dim": 384,      // Can increase with more memory
      "vit_depth": 6,         // Can increase to 8
      "num_heads": 6
    }
  ],
  "training": {
    "batch_size": 8,          // 8 per GPU = 32 total
    "learning_rate": 1e-4,
    "num_epochs_per_stage": 100,
    "num_timesteps": 1000,
    "v_parameterization": true
  },
  "data": {
    "dataset_path": "./data/drr_patient_data",
    "augmentation": true,      // Enable for better generalization
    "cache_in_memory": false,  // True if dataset is small (<10GB)
    "num_workers": 4           // 4 per GPU
  }
}"""

# Two stages that two cores train in seconds.
TINY = {
    "xray_config": {"img_size": 32, "num_views": 2},
    "stage_configs": [
        {"name": "stage1", "volume_size": [8, 8, 8], "patch_size": 2, "voxel_dim": 16, "vit_depth": 1, "num_heads": 2},
        {"name": "stage2", "volume_size": [16, 16, 16], "patch_size": 4, "voxel_dim": 16, "vit_depth": 1, "num_heads": 2},
    ],
    "training": {"batch_size": 2, "learning_rate": 1e-3, "num_timesteps": 20, "v_parameterization": True},
    "data": {"augmentation": True, "cache_in_memory": False, "num_workers": 1},
    "train": {"steps": 2, "log_every": 1, "threads_per_rank": 1, "validate_every_epochs": 0, "validate_every_steps": 2},
    "diffusion": {"steps": 2},
    "checkpoint": {"every_minutes": 0},
}


def shards():
    """Phantom bodies of 32^3 with radiographs of 64 x 64: four to train with, one to validate, one to test."""
    def make(folder):
        support.run("make_phantoms", "--layout", "xray_ct", "--cases", 6, "--size", 32, "--seed", 5, "--output", folder / "nifti")
        support.run("convert_dataset", "--layout", "xray_ct", "--input", folder / "nifti", "--output", folder / "shards", "--make-drrs",
                    "--view-size", 64, "--split", "0.67,0.17,0.16")
    return support.made_once("xray_bodies_6_32_64", make) / "shards"


class XrayConfigurations(support.Case):
    def train(self, config, *arguments, expect=0, ranks=None):
        return support.run("train", "--config", config, *arguments, expect=expect, ranks=ranks)

    def written(self, content):
        file = self.folder / "config.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
        return file

    def test_those_of_the_tree_load(self):
        for name, batch in (("multi_view", 8), ("single_view", 4)):
            text = self.train(CONFIGS / f"{name}_config.json", "--data", shards(), "--dry-run")
            self.assertIn(f"effective batch {batch} = ", text)

    def test_the_guides_own_loads_where_data_is_given(self):
        config = self.written(GUIDE)
        self.assertIn("effective batch 8 = ", self.train(config, "--data", shards(), "--dry-run"))
        text = self.train(config, "--dry-run", expect=78)
        self.assertIn("'dataset_path: ./data/drr_patient_data' cannot be followed", text)
        self.assertIn("convert_dataset --layout xray_ct --input ./data/drr_patient_data --output SHARDS", text)
        replaced = self.written(GUIDE.replace("./data/drr_patient_data", str(shards())))
        self.assertIn("effective batch 8 = ", self.train(replaced, "--dry-run"))

    def test_two_stages_train_one_after_the_other(self):
        config = self.written(TINY)
        first, second = self.folder / "first", self.folder / "second"
        self.train(config, "--data", shards(), "--checkpoint_dir", first)
        stage_2 = ("--data", shards(), "--set", "xray_to_ct.stage=2")
        self.assertIn("xray_to_ct.previous_run is missing", self.train(config, *stage_2, "--dry-run", expect=78))
        self.train(config, *stage_2, "--set", f"xray_to_ct.previous_run={first}", "--dry-run")
        self.train(config, *stage_2, "--resume_from", first, "--checkpoint_dir", second)
        resolved = (second / "config.yaml").read_text()
        self.assertIn(f"previous_run: {first}", resolved.replace('"', ""))
        self.assertNotIn("stage_configs", resolved)
        for run in (first, second):
            self.assertEqual(sorted(support.metrics(run)), [1, 2])
            self.assertEqual(sorted(support.metrics(run, "validation")), [2])
        # The same command goes on in its folder, which has nothing left to do.
        self.train(config, *stage_2, "--resume_from", first, "--checkpoint_dir", second)
        self.assertEqual(sorted(support.metrics(second)), [1, 2])

    def test_what_cannot_be_followed_is_refused_by_name(self):
        config = self.written(TINY)
        stage_2 = ("--data", shards(), "--run", self.folder / "run", "--set", "xray_to_ct.stage=2")
        text = self.train(config, *stage_2, "--resume_from", "checkpoints_4gpu/stage1_best.pt", expect=64)
        self.assertIn("'--resume_from checkpoints_4gpu/stage1_best.pt' cannot be followed: a .pt file is a pickle", text)
        misspelt = json.loads(json.dumps(TINY))
        misspelt["stage_configs"][1]["xyz"] = 1
        text = self.train(self.written(misspelt), "--data", shards(), "--dry-run", expect=78)
        self.assertIn("config.json: unknown key 'stage_configs[1].xyz'", text)


if __name__ == "__main__":
    support.main()
