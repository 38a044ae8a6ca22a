"""World size in float32, of the tasks whose float64 runs are looked at every time."""
import support
from world_size_cases import PROMPTED, SGD, SURVIVAL, SYNTHESIS, XRAYS, Case


class WorldSize(Case):
    def test_synthesis_fp32_sgd(self):
        self.compare(1e-5, {**SGD, "train.optimizer.lr": 1e-2}, SYNTHESIS, "psnr_brain", 1e-2)

    def test_xrays_fp32_sgd(self):
        self.compare(1e-5, {**SGD, "train.optimizer.lr": 1e-4}, XRAYS, "psnr", 1e-2)

    def test_survival_fp32_sgd(self):
        self.compare(1e-5, {**SGD, "train.optimizer.lr": 1e-4}, SURVIVAL, "c_index", 0.05)

    def test_prompted_fp32_sgd(self):
        self.compare(1e-5, {**SGD, "train.optimizer.lr": 1e-4}, PROMPTED, "dice", 0.05)


if __name__ == "__main__":
    support.main()
