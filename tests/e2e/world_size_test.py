"""The same run on 1, 2, 3 and 4 ranks has the same losses: augmentation, dropout, SyncBN and an uneven last batch included."""
import support
from world_size_cases import ADAMW, PROMPTED, RUN, SGD, SURVIVAL, SYNTHESIS, XRAYS, Case


class WorldSize(Case):
    def test_fp64_adamw(self):
        self.compare(1e-10, ADAMW)

    def test_fp32_sgd(self):
        self.compare(1e-5, SGD)

    def test_synthesis_fp64_adamw(self):
        self.compare(1e-10, ADAMW, SYNTHESIS, "psnr_brain", 1e-6)

    def test_xrays_fp64_adamw(self):
        self.compare(1e-10, ADAMW, XRAYS, "psnr", 1e-6)

    def test_survival_fp64_adamw(self):
        self.compare(1e-10, ADAMW, SURVIVAL, "c_index", 1e-6)

    def test_prompted_fp64_adamw(self):
        self.compare(1e-10, ADAMW, PROMPTED, "dice", 1e-6)

    def test_accumulation_makes_the_same_batch(self):
        values = {**RUN, **ADAMW, "model.norm": "group", "data.global_batch_size": 4, "data.samples_per_case": 4}
        expected, _ = self.losses(1, values, "dice")
        actual, _ = self.losses(2, {**values, "train.accumulation": 2}, "dice")
        self.assertLessEqual(max(abs(a - b) / abs(b) for a, b in zip(actual, expected)), 1e-10)


if __name__ == "__main__":
    support.main()
